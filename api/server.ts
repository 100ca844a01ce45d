import { existsSync } from 'node:fs';
import { join } from 'node:path';
import fastifyStatic from '@fastify/static';
import { renderGraphiQL } from '@graphql-yoga/render-graphiql';
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify';
import { parse } from 'graphql';
import { createYoga, type Plugin } from 'graphql-yoga';
import type { ReportSource } from '#reports/source.ts';
import type { ReadStore } from '#sinks/postgres/read.ts';
import { describeError } from '#streams/kit/errors.ts';
import type { Log } from '#streams/kit/log.ts';
import type { Metrics } from '#streams/kit/metrics.ts';
import type { Commands } from './commands.ts';
import { QUERY_LIMITS, queryLimitsRule } from './graphql/limits.ts';
import { schema } from './graphql/schema.ts';
import type { GraphqlContext } from './graphql/types.ts';
import type { Report } from './health/monitor.ts';
import type { LiveViews } from './live/views.ts';
import { gatherMetrics, type ProcessAddress } from './metrics/gather.ts';
import { allowsHost, allowsOrigin, isLoopback, requestHost } from './origin.ts';
import { serveReports } from './reports.ts';
import { serveGraphqlWs } from './ws/graphql-ws.ts';

const GRAPHQL_PATH = '/graphql';

export interface ServerOptions {
  /** Address to listen on; decides which Host headers are answered and whether GraphiQL is there. */
  readonly host: string;
  readonly views: LiveViews;
  readonly store: ReadStore;
  /** Where reports take their data from. */
  readonly reports: ReportSource;
  readonly commands: Commands;
  readonly metrics: Metrics;
  readonly log: Log;
  /** See {@link GraphqlContext.notLoaded}. */
  readonly notLoaded: () => string | null;
  readonly health: () => Report;
  readonly processes: readonly ProcessAddress[];
  /** Folder of the built page. */
  readonly pageFolder: string;
}

/** Everything that the one HTTP port serves: the page, GraphQL over HTTP, SSE and WebSocket, health, metrics. Not listening yet. */
export async function createServer(options: ServerOptions): Promise<FastifyInstance> {
  const app = fastify({
    logger: false,
    bodyLimit: QUERY_LIMITS.bodyBytes,
    forceCloseConnections: true,
    // Long answers (SSE) have no end; a request that does not come in has one.
    requestTimeout: 30_000,
  });
  app.addHook('onRequest', async (request, reply) => {
    if (!allowsHost(request.raw, options.host))
      return reply.code(403).send({ error: `Host "${request.headers.host}" is not served at this address` });
    // A form of any web page can post here without asking first, and mutations change things.
    if (request.method === 'POST' && !allowsOrigin(request.raw, options.host))
      return reply.code(403).send({ error: `Requests of pages from "${request.headers.origin}" are not taken` });
    reply.header('x-content-type-options', 'nosniff').header('referrer-policy', 'no-referrer');
    return undefined;
  });
  app.setErrorHandler((error: Error & { statusCode?: number }, _request, reply) => {
    const status = error.statusCode ?? 500;
    if (status >= 500) options.log.error({ err: error }, `A request failed: ${describeError(error)}`);
    return reply.code(status).send({ error: status >= 500 ? 'Internal server error' : error.message });
  });
  app.setNotFoundHandler((_request, reply) => reply.code(404).send({ error: 'Not found' }));
  serveHealth(app, options);
  app.get('/metrics', async (_request, reply) => {
    const text = await gatherMetrics(options.metrics, options.processes);
    return reply.header('content-type', options.metrics.registry.contentType).send(text);
  });
  serveReports(app, options.reports);
  await serveGraphql(app, options);
  await servePage(app, options);
  return app;
}

function serveHealth(app: FastifyInstance, { health }: ServerOptions): void {
  app.get('/health/live', async () => ({ live: true }));
  app.get('/health/ready', async (_request, reply) => {
    const report = health();
    return reply
      .code(report.ready ? 200 : 503)
      .header('cache-control', 'no-store')
      .send(report);
  });
}

const limits: Plugin = {
  onParse: ({ setParseFn }) =>
    setParseFn((source, extra) => parse(source, { ...extra, maxTokens: QUERY_LIMITS.tokens })),
  onValidate: ({ addValidationRule }) => addValidationRule(queryLimitsRule),
};

async function serveGraphql(app: FastifyInstance, options: ServerOptions): Promise<void> {
  const { host, views, store, commands, notLoaded, metrics, log } = options;
  const context: GraphqlContext = { views, store, commands, notLoaded, now: Date.now };
  const write = (level: 'debug' | 'info' | 'warn' | 'error') => {
    return (...parts: unknown[]) => {
      const error = parts.find((part) => part instanceof Error);
      log[level]({ ...(error && { err: error }) }, parts.map((part) => describeError(part)).join(' '));
    };
  };
  const yoga = createYoga<object, GraphqlContext>({
    schema,
    context,
    graphqlEndpoint: GRAPHQL_PATH,
    plugins: [limits],
    cors: false,
    multipart: false,
    landingPage: false,
    graphiql: isLoopback(host) ? { subscriptionsProtocol: 'WS', title: 'Tidemark GraphQL' } : false,
    // With its scripts inside: the default page fetches them from elsewhere and stays blank offline.
    renderGraphiQL,
    maxRequestBodySize: QUERY_LIMITS.bodyBytes,
    logging: { debug: write('debug'), info: write('debug'), warn: write('warn'), error: write('error') },
  });
  const sockets = serveGraphqlWs({
    server: app.server,
    path: GRAPHQL_PATH,
    yoga: yoga as never,
    allow: (request) => allowsOrigin(request, host),
    metrics,
    log,
  });
  app.addHook('preClose', () => sockets.close());
  await app.register(async (scope) => {
    // Yoga reads the body itself, with its own limit.
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', (_request, _payload, done) => done(null));
    scope.route({
      method: ['GET', 'POST', 'OPTIONS'],
      url: GRAPHQL_PATH,
      handler: async (request: FastifyRequest, reply: FastifyReply) => {
        reply.hijack();
        reply.raw.setHeader('x-content-type-options', 'nosniff');
        await yoga.handle(request.raw, reply.raw);
      },
    });
  });
}

async function servePage(app: FastifyInstance, { pageFolder }: ServerOptions): Promise<void> {
  const policy = (request: FastifyRequest) => {
    const host = requestHost(request.raw);
    const sockets = host === null ? '' : ` ws://${host} wss://${host}`;
    return [
      "default-src 'self'",
      // Browsers that take 'self' for http alone need the WebSocket's address by name.
      `connect-src 'self'${sockets}`,
      "img-src 'self' data:",
      "object-src 'none'",
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
    ].join('; ');
  };
  if (!existsSync(join(pageFolder, 'index.html'))) {
    app.get('/', (_request, reply) =>
      reply.code(503).send({ error: 'The page is not built yet: run `node ui/build.ts`' }),
    );
    return;
  }
  await app.register(fastifyStatic, {
    root: pageFolder,
    index: false,
    decorateReply: true,
    setHeaders: (reply, path) => {
      // Names of built files carry the hash of their content.
      const asset = path.includes('/assets/');
      reply.header('cache-control', asset ? 'public, max-age=31536000, immutable' : 'no-cache');
    },
  });
  app.get('/', (request, reply) => reply.header('content-security-policy', policy(request)).sendFile('index.html'));
}
