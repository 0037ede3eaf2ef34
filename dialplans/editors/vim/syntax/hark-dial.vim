" Vim syntax file
" Language: Hark dialplan (.dial)

if exists("b:current_syntax")
  finish
endif

syn case match
syn iskeyword @,48-57,_,192-255

syn keyword harkItem import languages language timezone holidays hours allow json constant route
syn keyword harkItem otherwise flow menu test
syn keyword harkInstruction answer early say play beep tone pause record collect send forward
syn keyword harkInstruction keep remove discard key digits silence other again if else match for
syn keyword harkInstruction return hangup log mark_heard save delete restore confirm connect ring
syn keyword harkInstruction notify set told webhook speak panic
syn keyword harkOperator and or not
syn keyword harkBoolean true false
syn keyword harkType Text Number Digits Bool Duration Time User Contact Caller Device Message
syn keyword harkType Recording Presence Hours Dialable
syn keyword harkValue caller site now nothing
syn keyword harkFunction spelled pin_matches has_pin
syn match harkFunction /\<\%(user\|messages\|presence\|devices\|receipts\|waiting\)\ze(/
syn keyword harkTest call deliver begin clock store recording callee wait press hang expect

" Between others these are words of the language; before `.`, `:`, `,` and `)` they are names.
syn match harkWord /\%(\.\|(\)\@1<!\<\%(each\|in\|as\|at\|from\|to\|of\|with\|by\|via\|within\|then\|between\|end\|on\|stop\|max\|after\|before\|keeps\|discards\|secret\|recorded\|prompt\|percent\|receipt\|urgency\|privacy\|answering\|introduced\|most\|when\|except\|trunk\|user\|guest\|daily\|online\|busy\|rejected\|unavailable\|not_found\|congestion\)\>\%(\s*[.:,)=]\)\@!/
syn match harkField /\.\@1<=\h\w*/
syn match harkDeclared /\%(^\s*\%(flow\|menu\|constant\|allow\|holidays\|hours\|json\)\s\+\)\@<=\h\w*/

syn match harkNumber /\<\d\+\%(ms\|min\|s\|m\|h\)\?\>/
syn match harkNumber /\<\d\{1,2}:\d\d\>/
syn match harkArrow /->/

syn match harkEscape /\\["\\{}n]/ contained
syn match harkRepeat /[x\]]\@1<={\d\+\%(,\d*\)\?}/ contained
syn region harkPlaceholder matchgroup=harkBrace start=/{/ end=/}/ contained oneline contains=harkField,harkNumber,harkFunction,harkValue,harkOperator,harkPlaceholder
syn region harkText start=/"/ skip=/\\./ end=/"/ oneline contains=harkEscape,harkRepeat,harkPlaceholder

syn match harkComment "//.*$" contains=@Spell
syn match harkDoc "\%(^\|\s\)\zs///\%(/\)\@!.*$" contains=@Spell

hi def link harkItem Structure
hi def link harkInstruction Statement
hi def link harkTest Statement
hi def link harkOperator Operator
hi def link harkArrow Operator
hi def link harkWord Keyword
hi def link harkBoolean Boolean
hi def link harkType Type
hi def link harkValue Identifier
hi def link harkFunction Function
hi def link harkDeclared Function
hi def link harkField Identifier
hi def link harkNumber Number
hi def link harkText String
hi def link harkEscape SpecialChar
hi def link harkRepeat SpecialChar
hi def link harkBrace Delimiter
hi def link harkComment Comment
hi def link harkDoc SpecialComment

let b:current_syntax = "hark-dial"
