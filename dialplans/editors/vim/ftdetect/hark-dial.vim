au BufRead,BufNewFile *.dial setfiletype hark-dial
