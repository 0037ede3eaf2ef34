// How full the mailbox is, for how long messages are kept, and everything to take along.

import { useEffect, useState } from 'preact/hooks';
import { api } from '../api';
import type { Retention } from '../events';
import { useApp } from '../session';

export function Storage() {
  const news = useApp((s) => s.eventNews);
  const unread = useApp((s) => s.messages.length);
  const [retention, setRetention] = useState<Retention | null>(null);
  useEffect(() => {
    // A number that can't be read now is read with the next change.
    void api.retention().then(setRetention, () => undefined);
  }, [news, unread]);
  if (!retention) return null;
  const { policy, usage, percent } = retention;
  const limited = policy.quota_minutes > 0 || policy.quota_mib > 0;
  return (
    <div class="card block" data-testid="storage">
      <h3>Your mailbox</h3>
      {limited && (
        <div class={`meter${retention.full ? ' is-full' : retention.nearly_full ? ' is-nearly' : ''}`} role="meter" aria-label="How full the mailbox is"
          aria-valuemin={0} aria-valuemax={100} aria-valuenow={Math.min(100, percent)}>
          <span style={{ width: `${Math.min(100, percent)}%` }} />
        </div>
      )}
      <p class="quiet" data-testid="storage-words">
        {usage.messages} {usage.messages === 1 ? 'message' : 'messages'}, {Math.round(usage.length_ms / 60_000)} minutes
        {policy.quota_minutes > 0 && ` of ${policy.quota_minutes}`}{limited && `: ${percent} % full`}.
        {retention.full && ' Nobody can leave you a message until you delete some.'}
        {retention.hold && ' A legal hold stands: nothing of yours is removed.'}
      </p>
      <p class="quiet small">
        {kept('Heard messages', policy.heard_days)} {kept('Kept ones', policy.saved_days)} {kept('Unheard ones', policy.unheard_days)}{' '}
        {policy.deleted_days > 0 ? `Deleted ones can be taken back for ${policy.deleted_days} days.` : 'Deleted ones can always be taken back.'}
      </p>
      <div class="actions">
        <a class="button ghost" href="/api/v1/me/export" download data-testid="export">Export everything</a>
      </div>
    </div>
  );
}

function kept(what: string, days: number): string {
  return days > 0 ? `${what} expire after ${days} days.` : `${what} stay.`;
}
