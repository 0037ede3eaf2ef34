// A recording in a file: dropped anywhere on the page, or picked, then sent to the chosen people or
// to those whom the file itself names.

import { useEffect, useRef, useState } from 'preact/hooks';
import { names } from '../format';
import { useApp, useSession } from '../session';
import { useStore } from '../store';
import { shownRecipient } from '../upload/tags';
import { CheckIcon, CloseIcon, SentIcon } from './icons';

/** What the picker offers; the server looks at what is in the file. */
const KINDS = 'audio/*,.wav,.ogg,.opus,.oga,.webm,.mp3,.m4a,.mp4,.aac';

export function FileDock() {
  const session = useSession();
  const { uploader } = session;
  const state = useStore(uploader.state, (s) => s);
  const contacts = useApp((s) => s.contacts);
  const chosen = useApp((s) => s.chosen);
  const me = useApp((s) => s.me);
  const input = useRef<HTMLInputElement>(null);
  const people = contacts.filter((c) => chosen.includes(c.id));
  const everybody = me ? [...contacts, me.user] : contacts;
  const tagged = state.tags.recipients.map((to) => shownRecipient(to, me?.domain ?? '', everybody));
  const to = people.length > 0 ? people.map((c) => c.display_name) : tagged;
  const open = state.phase !== 'idle';

  return (
    <div class={`file-dock file-dock-${state.phase}`} role="group" aria-label="A recording in a file">
      <input ref={input} type="file" accept={KINDS} class="visually-hidden" data-testid="file-input" tabIndex={-1} aria-hidden="true"
        onChange={(event) => {
          const file = event.currentTarget.files?.[0];
          event.currentTarget.value = '';
          if (file) session.file(file);
        }} />
      {!open && (
        <button type="button" class="text-button" data-testid="file-pick" onClick={() => input.current?.click()}>
          Send a file instead, or drop one here
        </button>
      )}
      {open && (
        <>
          <p class="file-name"><strong data-testid="file-name">{state.file?.name}</strong></p>
          {state.phase !== 'sent' && (
            <p class="small" data-testid="file-to">
              {to.length > 0
                ? <><span class="quiet">{people.length > 0 ? 'To' : 'The file says: to'}</span> <strong>{names(to)}</strong></>
                : <span class="quiet">The file names nobody. Choose who should hear it.</span>}
            </p>
          )}
          {state.phase === 'sending' && (
            <progress class="file-progress" max={1} value={state.progress} aria-label="Sent so far" data-testid="file-progress" />
          )}
          {state.detail && <p class="file-detail" role="alert" data-testid="file-detail">{state.detail}</p>}
          <div class="dock-row">
            {state.phase === 'sent' ? (
              <button type="button" class="button ghost" data-testid="file-close" onClick={() => uploader.cancel()}>
                <CheckIcon /> Sent
              </button>
            ) : (
              <>
                <button type="button" class="button ghost" data-testid="file-cancel" onClick={() => uploader.cancel()}>
                  <CloseIcon /> {state.phase === 'sending' ? 'Stop' : 'Put away'}
                </button>
                <button type="button" class="button primary" data-testid="file-send"
                  disabled={to.length === 0 || state.phase === 'sending'}
                  onClick={() => void uploader.send(people.map((c) => c.name))}>
                  <SentIcon /> {state.phase === 'failed' ? 'Try again' : 'Send'}
                </button>
              </>
            )}
          </div>
        </>
      )}
      <p class="visually-hidden" role="status" data-testid="file-state" data-state={state.phase}>
        {state.phase === 'sent' ? `${state.file?.name ?? 'The file'} was sent` : state.phase === 'sending' ? 'Sending the file' : ''}
      </p>
    </div>
  );
}

/** Shown while a file is held over the page; takes it wherever it is let go. */
export function DropTarget() {
  const session = useSession();
  const [over, setOver] = useState(false);
  useEffect(() => {
    let depth = 0;
    const carries = (event: DragEvent) => event.dataTransfer?.types.includes('Files') === true;
    const enter = (event: DragEvent) => {
      if (!carries(event)) return;
      depth += 1;
      setOver(true);
    };
    const leave = (event: DragEvent) => {
      if (!carries(event)) return;
      depth = Math.max(0, depth - 1);
      if (depth === 0) setOver(false);
    };
    const hold = (event: DragEvent) => {
      // Without this the browser opens the file in the place of this page.
      if (carries(event)) event.preventDefault();
    };
    const drop = (event: DragEvent) => {
      if (!carries(event)) return;
      event.preventDefault();
      depth = 0;
      setOver(false);
      const file = event.dataTransfer?.files[0];
      if (file) session.file(file);
    };
    addEventListener('dragenter', enter);
    addEventListener('dragleave', leave);
    addEventListener('dragover', hold);
    addEventListener('drop', drop);
    return () => {
      removeEventListener('dragenter', enter);
      removeEventListener('dragleave', leave);
      removeEventListener('dragover', hold);
      removeEventListener('drop', drop);
    };
  }, [session]);
  return over ? <div class="drop-target" aria-hidden="true"><p>Let go to send this recording</p></div> : null;
}
