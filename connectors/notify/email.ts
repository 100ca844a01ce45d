import { createTransport } from 'nodemailer';
import { addressesOf, targetProblem } from '#schemas/response.ts';
import { type Attempt, type Deliver, delivered, failed } from './attempt.ts';
import { messageId } from './message.ts';

export interface EmailOptions {
  /** smtp:// or smtps://; null: e-mails cannot be sent. */
  readonly url: string | null;
  readonly from: string | null;
  readonly timeoutMs: number;
}
interface SmtpError {
  readonly code?: string;
  readonly responseCode?: number;
}

/** A message takes several answers of the server. */
const ANSWERS = 3;

/** Sends the notification as an e-mail. What the server refuses for good (5xx) is final, everything else is tried again. */
export const email =
  ({ url, from, timeoutMs }: EmailOptions): Deliver =>
  async (action): Promise<Attempt> => {
    if (url === null || from === null) return failed('SMTP_URL and ALERT_FROM are not set', true);
    const target = action.target ?? '';
    const problem = targetProblem('EMAIL', target);
    if (problem) return failed(problem, true);
    const times = { connectionTimeout: timeoutMs, greetingTimeout: timeoutMs, socketTimeout: timeoutMs };
    const transport = createTransport({ url, ...times, disableFileAccess: true, disableUrlAccess: true });
    const { promise: silence, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => reject({ code: 'ETIMEDOUT' }), ANSWERS * timeoutMs);
    try {
      const { rejected } = await Promise.race([
        transport.sendMail({
          from,
          to: addressesOf(target).map((address) => ({ name: '', address })),
          subject: action.subject ?? '',
          text: action.body ?? '',
          messageId: messageId(action, from),
          // An answer of an absence note to each alarm would be a storm.
          headers: { 'auto-submitted': 'auto-generated' },
        }),
        silence,
      ]);
      return delivered(rejected.length === 0 ? 'accepted by the mail server' : `refused for ${rejected.join(', ')}`);
    } catch (error) {
      const { code, responseCode } = error as SmtpError;
      const reason = `the mail server: ${responseCode ?? code ?? 'no answer'}`;
      return failed(reason, (responseCode ?? 0) >= 500);
    } finally {
      clearTimeout(timer);
      transport.close();
    }
  };
