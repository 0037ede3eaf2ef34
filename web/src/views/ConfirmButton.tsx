// Somebody was there: what an announcement waits for.

import { useState } from 'preact/hooks';
import { api } from '../api';
import { useSession } from '../session';
import { CheckIcon } from './icons';

export function ConfirmButton({ id }: { id: string }) {
  const session = useSession();
  const [confirmed, setConfirmed] = useState(false);
  const confirm = async () => {
    try {
      await api.confirm(id);
      setConfirmed(true);
    } catch (error) {
      session.tell(error);
    }
  };
  return (
    <button type="button" class="button ghost" data-testid="confirm" disabled={confirmed} onClick={() => void confirm()}>
      <CheckIcon /> {confirmed ? 'Confirmed' : 'Confirm'}
    </button>
  );
}
