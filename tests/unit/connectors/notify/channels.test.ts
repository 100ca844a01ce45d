import { createServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { email } from '#connectors/notify/email.ts';
import { webhook } from '#connectors/notify/webhook.ts';
import { action } from './action.ts';
import { HookServer, MailServer } from './servers.ts';

const TIMEOUT_MS = 300;
const FROM = 'Tidemark <risk@desk.example>';
const stops: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});
const hook = async (answer: (nth: number) => number | null) => {
  const server = await HookServer.start(answer);
  stops.push(() => server.stop());
  return server;
};
const mailServer = async (refuse?: (recipient: string, nth: number) => number | null) => {
  const server = await MailServer.start(refuse);
  stops.push(() => server.stop());
  return server;
};
/** Takes connections and says nothing. */
async function silent(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  const sockets: { destroy(): void }[] = [];
  server.on('connection', (socket) => sockets.push(socket));
  await new Promise((done) => server.once('listening', done));
  stops.push(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as { port: number }).port;
}

describe('a webhook', () => {
  it('is given the notification as JSON, with its id', async () => {
    const server = await hook(() => 204);
    expect(await webhook(TIMEOUT_MS)(action({ target: server.url }))).toEqual({ isDelivered: true, note: 'HTTP 204' });
    const [{ headers, body }] = server.received as [(typeof server.received)[0]];
    expect(headers).toMatchObject({
      'content-type': 'application/json',
      'idempotency-key': 'fund/gross/1/hard/tell',
    });
    expect(JSON.parse(body)).toMatchObject({
      actionId: 'fund/gross/1/hard/tell',
      eventTime: '1990-01-02T22:00:00.000Z',
      kind: 'NOTIFY',
      body: 'gross is at 8500\nof 8000',
      utilisation: 1.0625,
      evidence: [{ name: 'equity', value: 10_000 }],
    });
  });

  it('carries an id of any letters', async () => {
    const server = await hook(() => 200);
    await webhook(TIMEOUT_MS)(action({ target: server.url, actionId: 'fünd/1' }));
    expect(server.received[0]!.headers['idempotency-key']).toBe('f%C3%BCnd%2F1');
  });

  it.each([
    [400, true],
    [404, true],
    [301, true],
    [408, false],
    [429, false],
    [500, false],
    [503, false],
  ])('answering %i is final: %s', async (status, isFinal) => {
    const server = await hook(() => status);
    const outcome = await webhook(TIMEOUT_MS)(action({ target: server.url }));
    expect(outcome).toEqual({ isDelivered: false, isFinal, reason: `HTTP ${status}` });
    expect(server.received).toHaveLength(1);
  });

  it('that says nothing, or is not there, may be there later, and its address is not told', async () => {
    const server = await hook(() => null);
    const reason = `no answer within ${TIMEOUT_MS} ms`;
    const silence = await webhook(TIMEOUT_MS)(action({ target: server.url }));
    expect(silence).toEqual({ isDelivered: false, isFinal: false, reason });
    const absence = await webhook(TIMEOUT_MS)(action({ target: `http://127.0.0.1:${await unused()}/?token=secret` }));
    expect(absence).toEqual({ isDelivered: false, isFinal: false, reason: 'no connection (ECONNREFUSED)' });
  });

  it.each(['nowhere', 'file:///etc/passwd', 'http://anna:secret@127.0.0.1/', ''])(
    'is not at %j, which is final',
    async (target) => {
      const outcome = await webhook(TIMEOUT_MS)(action({ target }));
      expect(outcome).toMatchObject({ isDelivered: false, isFinal: true });
      expect(JSON.stringify(outcome)).not.toContain('secret');
    },
  );
});

describe('an e-mail', () => {
  const mail = (url: string | null, rest = {}) =>
    email({ url, from: FROM, timeoutMs: TIMEOUT_MS })(
      action({ channel: 'EMAIL', target: 'anna@desk.example, bob@desk.example', ...rest }),
    );

  it('has subject, text and an id that is the same each time', async () => {
    const server = await mailServer();
    expect(await mail(server.url)).toMatchObject({ isDelivered: true });
    expect(await mail(server.url)).toMatchObject({ isDelivered: true });
    const [first, second] = server.mails;
    expect(first).toMatchObject({ from: 'risk@desk.example', to: ['anna@desk.example', 'bob@desk.example'] });
    expect(first!.text).toContain('Subject: HARD limit gross of fund: BREACH');
    expect(first!.text).toContain('gross is at 8500\r\nof 8000');
    const id = /^Message-ID: (<[0-9a-f]{40}@desk\.example>)/im;
    expect(id.exec(first!.text)![1]).toBe(id.exec(second!.text)![1]);
  });

  it('lets no subject add a header', async () => {
    const server = await mailServer();
    await mail(server.url, { subject: 'one\r\nBcc: eve@evil.example' });
    expect(server.mails[0]!.to).toHaveLength(2);
    expect(server.mails[0]!.text).not.toMatch(/^Bcc:/im);
  });

  it('refused for good is final, refused for now is not, and one of two is said', async () => {
    const good = await mailServer(() => 550);
    expect(await mail(good.url)).toEqual({ isDelivered: false, isFinal: true, reason: 'the mail server: 550' });
    const busy = await mailServer(() => 451);
    expect(await mail(busy.url)).toEqual({ isDelivered: false, isFinal: false, reason: 'the mail server: 451' });
    const partly = await mailServer((recipient) => (recipient.startsWith('bob') ? 550 : null));
    expect(await mail(partly.url)).toEqual({ isDelivered: true, note: 'refused for bob@desk.example' });
  });

  it('waits for no server that is away or silent', async () => {
    expect(await mail(`smtp://127.0.0.1:${await unused()}`)).toMatchObject({ isDelivered: false, isFinal: false });
    expect(await mail(`smtp://127.0.0.1:${await silent()}`)).toMatchObject({ isDelivered: false, isFinal: false });
  });

  it('needs a server and addresses', async () => {
    const none = { isDelivered: false, isFinal: true, reason: 'SMTP_URL and ALERT_FROM are not set' };
    expect(await mail(null)).toEqual(none);
    const server = await mailServer();
    expect(await mail(server.url, { target: 'nobody' })).toMatchObject({ isDelivered: false, isFinal: true });
    expect(server.mails).toEqual([]);
  });
});

/** A port on which nobody listens. */
async function unused(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((done) => server.once('listening', done));
  const { port } = server.address() as { port: number };
  await new Promise((done) => server.close(done));
  return port;
}
