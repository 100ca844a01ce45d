import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { type ExecutionArgs, GraphQLError } from 'graphql';
import { type Context, handleProtocols, makeServer } from 'graphql-ws';
import { type RawData, type WebSocket, WebSocketServer } from 'ws';
import { describeError } from '#streams/kit/errors.ts';
import type { Log } from '#streams/kit/log.ts';
import type { Metrics } from '#streams/kit/metrics.ts';
import { QUERY_LIMITS } from '../graphql/limits.ts';

/** A socket whose client has not answered a ping for this long is ended: what it never read is freed. */
const PING_INTERVAL_MS = 30_000;
/** Bytes that may wait on a socket before the next message does. */
const MAX_BUFFERED_BYTES = 256 * 1024;
const MAX_SOCKETS = 10_000;
const MAX_SUBSCRIPTIONS_PER_SOCKET = 50;

interface Extra {
  readonly request: IncomingMessage;
}
type Execute = (args: ExecutionArgs) => unknown;

/** What the WebSocket side needs of yoga: one enveloped set of functions per operation, so that plugins and masking apply. */
export interface Enveloper {
  getEnveloped(context: object): {
    schema: ExecutionArgs['schema'];
    parse: (source: string) => ExecutionArgs['document'];
    validate: (schema: ExecutionArgs['schema'], document: ExecutionArgs['document']) => readonly GraphQLError[];
    execute: unknown;
    subscribe: unknown;
    contextFactory: () => unknown;
  };
}

export interface SocketOptions {
  readonly server: Server;
  readonly path: string;
  readonly yoga: Enveloper;
  /** Whether an upgrade request may come in: its Host and Origin. */
  readonly allow: (request: IncomingMessage) => boolean;
  readonly metrics: Metrics;
  readonly log: Log;
}

/**
 * Serves graphql-transport-ws. Each operation sends its next value only when its last one has left the socket, so a client that
 * stops reading holds one message per subscription here, and the rest is conflated in its queue.
 */
export function serveGraphqlWs(options: SocketOptions): { close(): Promise<void> } {
  const { server, path, log } = options;
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: QUERY_LIMITS.bodyBytes,
    perMessageDeflate: false,
    handleProtocols: (protocols) => handleProtocols(protocols),
  });
  const open = options.metrics.gauge('tidemark_api_websockets', 'Open WebSocket connections.');
  open.set(0);
  const protocol = createProtocol(options.yoga);
  const onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    const refuse = (status: string) => socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\n\r\n`);
    socket.on('error', (error) => log.debug(`A socket failed before its upgrade: ${describeError(error)}`));
    if (new URL(request.url ?? '/', 'http://host').pathname !== path) return refuse('404 Not Found');
    if (!options.allow(request)) return refuse('403 Forbidden');
    if (sockets.clients.size >= MAX_SOCKETS) return refuse('503 Service Unavailable');
    sockets.handleUpgrade(request, socket, head, (webSocket) => {
      open.inc();
      webSocket.once('close', () => open.dec());
      serveSocket(webSocket, request, protocol, log);
    });
  };
  server.on('upgrade', onUpgrade);
  return {
    async close() {
      server.off('upgrade', onUpgrade);
      for (const client of sockets.clients) client.close(1001, 'Going away');
      // One that does not answer the closing handshake must not hold up the stop.
      const limit = setTimeout(() => {
        for (const client of sockets.clients) client.terminate();
      }, 1_000);
      await new Promise<void>((resolve) => sockets.close(() => resolve()));
      clearTimeout(limit);
    },
  };
}

function createProtocol(yoga: Enveloper) {
  return makeServer<Record<string, unknown>, Extra>({
    execute: (args) => (args.rootValue as { execute: Execute }).execute(args) as never,
    subscribe: (args) => (args.rootValue as { subscribe: Execute }).subscribe(args) as never,
    async onSubscribe(context: Context<Record<string, unknown>, Extra>, _id, params) {
      if (Object.keys(context.subscriptions).length > MAX_SUBSCRIPTIONS_PER_SOCKET) {
        const message = `At most ${MAX_SUBSCRIPTIONS_PER_SOCKET} operations may be open on one connection`;
        return [new GraphQLError(message, { extensions: { code: 'TOO_MANY_OPERATIONS' } })];
      }
      const { schema, execute, subscribe, contextFactory, parse, validate } = yoga.getEnveloped({
        request: context.extra.request,
        params,
      });
      let document: ExecutionArgs['document'];
      try {
        document = parse(params.query);
      } catch (error) {
        if (error instanceof GraphQLError) return [error];
        throw error;
      }
      const errors = validate(schema, document);
      if (errors.length > 0) return errors;
      return {
        schema,
        document,
        operationName: params.operationName,
        variableValues: params.variables,
        contextValue: await contextFactory(),
        rootValue: { execute, subscribe },
      } as ExecutionArgs;
    },
  });
}

function serveSocket(
  socket: WebSocket,
  request: IncomingMessage,
  protocol: ReturnType<typeof createProtocol>,
  log: Log,
): void {
  let alive = true;
  const ping = setInterval(() => {
    if (!alive) return socket.terminate();
    alive = false;
    socket.ping();
  }, PING_INTERVAL_MS);
  socket.on('pong', () => {
    alive = true;
  });
  socket.on('error', (error) => log.debug(`A WebSocket failed: ${describeError(error)}`));
  const closed = protocol.opened(
    {
      protocol: socket.protocol,
      send: (data) => send(socket, data),
      close: (code, reason) => socket.close(code, reason),
      onMessage: (handle) =>
        socket.on('message', (data: RawData) => {
          alive = true;
          Promise.resolve(handle(String(data))).catch((error) => {
            log.warn({ err: error }, `A WebSocket message failed: ${describeError(error)}`);
            socket.close(4500, 'Internal server error');
          });
        }),
    },
    { request },
  );
  socket.once('close', (code, reason) => {
    clearInterval(ping);
    void closed(code, String(reason));
  });
}

/** Resolves when the message has left, or at once while little is waiting on the socket; also when the socket has closed meanwhile. */
function send(socket: WebSocket, data: string): Promise<void> | undefined {
  if (socket.readyState !== socket.OPEN) return undefined;
  if (socket.bufferedAmount + data.length < MAX_BUFFERED_BYTES) {
    socket.send(data, () => {});
    return undefined;
  }
  // A failed send is followed by the socket's close, which ends its subscriptions.
  return new Promise((resolve) => socket.send(data, () => resolve()));
}
