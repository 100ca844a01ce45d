import { targetProblem } from '#schemas/response.ts';
import { type Attempt, type Deliver, delivered, failed } from './attempt.ts';
import { idempotencyKey, webhookBody } from './message.ts';

/** REQUEST_TIMEOUT, TOO_EARLY, TOO_MANY_REQUESTS: 4xx, but no word on the request. */
const LATER = new Set([408, 425, 429]);

/**
 * POSTs the notification as JSON. 2xx delivers it; a redirection and any other 4xx is final, since the same request would be answered
 * the same; 5xx, 408, 425, 429, silence and broken connections are tried again.
 */
export const webhook =
  (timeoutMs: number): Deliver =>
  async (action): Promise<Attempt> => {
    const target = action.target ?? '';
    const problem = targetProblem('WEBHOOK', target);
    if (problem) return failed(problem, true);
    try {
      const response = await fetch(target, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'idempotency-key': idempotencyKey(action),
          'user-agent': 'tidemark',
        },
        body: webhookBody(action),
        // Where it would go then nobody has allowed.
        redirect: 'manual',
        signal: AbortSignal.timeout(timeoutMs),
      });
      // Nobody reads it; unread it would keep its connection.
      await response.body?.cancel().catch(() => undefined);
      const { status } = response;
      if (response.ok) return delivered(`HTTP ${status}`);
      return failed(`HTTP ${status}`, status >= 300 && status < 500 && !LATER.has(status));
    } catch (error) {
      return failed(reasonOf(error, timeoutMs), false);
    }
  };

/** By its code where it has one: messages may have the address in them, and that may be a secret. */
function reasonOf(error: unknown, timeoutMs: number): string {
  if (error instanceof Error && error.name === 'TimeoutError') return `no answer within ${timeoutMs} ms`;
  const cause = error instanceof Error ? (error.cause as { code?: unknown } | undefined) : undefined;
  return `no connection${typeof cause?.code === 'string' ? ` (${cause.code})` : ''}`;
}
