import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { SMTPServer } from 'smtp-server';

export interface Received {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}
/** A webhook's server on loopback: answers each request with what `answer` says, or never (null). */
export class HookServer {
  readonly received: Received[] = [];
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(answer: (nth: number, received: Received) => number | null) {
    this.#server = createServer((request, response) => {
      let body = '';
      request.on('data', (data) => {
        body += data;
      });
      request.on('end', () => {
        const received = { headers: request.headers, body };
        this.received.push(received);
        const status = answer(this.received.length, received);
        if (status === null) return;
        response.writeHead(status, { location: 'http://127.0.0.1:1/elsewhere' }).end('a secret of the server');
      });
    });
    this.#server.on('connection', (socket) => this.#sockets.add(socket));
  }
  static async start(answer: (nth: number, received: Received) => number | null): Promise<HookServer> {
    const hook = new HookServer(answer);
    await new Promise<void>((done) => hook.#server.listen(0, '127.0.0.1', done));
    return hook;
  }
  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/hook?token=secret`;
  }
  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((done) => this.#server.close(done));
  }
}

export interface Mail {
  readonly from: string;
  readonly to: readonly string[];
  readonly text: string;
}
/** A mail server on loopback. `refuse` gives a code with which a recipient is refused, or null. */
export class MailServer {
  readonly mails: Mail[] = [];
  readonly #server: SMTPServer;

  private constructor(refuse: (recipient: string, nth: number) => number | null) {
    let asked = 0;
    this.#server = new SMTPServer({
      disabledCommands: ['STARTTLS', 'AUTH'],
      disableReverseLookup: true,
      onRcptTo: ({ address }, _session, done) => {
        const code = refuse(address, ++asked);
        if (code === null) done();
        else done(Object.assign(new Error('refused'), { responseCode: code }));
      },
      onData: (stream, { envelope }, done) => {
        let text = '';
        stream.on('data', (data) => {
          text += data;
        });
        stream.on('end', () => {
          const from = envelope.mailFrom ? envelope.mailFrom.address : '';
          this.mails.push({ from, to: envelope.rcptTo.map(({ address }) => address), text });
          done();
        });
      },
    });
    // Of clients that hang up.
    this.#server.on('error', () => undefined);
  }
  static async start(refuse: (recipient: string, nth: number) => number | null = () => null): Promise<MailServer> {
    const server = new MailServer(refuse);
    await new Promise<void>((done) => server.#server.listen(0, '127.0.0.1', done));
    return server;
  }
  get url(): string {
    return `smtp://127.0.0.1:${(this.#server.server.address() as AddressInfo).port}`;
  }
  async stop(): Promise<void> {
    await new Promise<void>((done) => this.#server.close(() => done()));
  }
}
