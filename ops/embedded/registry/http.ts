import fastify, { type FastifyInstance } from 'fastify';
import { describeError } from '#streams/kit/errors.ts';
import { RegistryError, type RegistryState, type SchemaEvent } from './state.ts';

const CONTENT_TYPE = 'application/vnd.schemaregistry.v1+json';
const MAX_BODY_BYTES = 1_048_576;

interface SchemaBody {
  schema?: string;
  schemaType?: string;
  references?: unknown[];
}
interface Params {
  subject: string;
  version: string;
  id: string;
}

/**
 * The routes of Confluent's registry that clients of Avro topics call. `append` makes an event durable; it is called
 * for one event at a time, and only then is the event applied and answered.
 */
export function registryServer(state: RegistryState, append: (event: SchemaEvent) => Promise<void>): FastifyInstance {
  const server = fastify({ bodyLimit: MAX_BODY_BYTES, routerOptions: { maxParamLength: 1_000 } });
  // Clients send all kinds of content types, or none that fits; the body is JSON in any case.
  server.removeAllContentTypeParsers();
  server.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => {
    try {
      done(null, body === '' ? {} : JSON.parse(String(body)));
    } catch {
      done(new RegistryError(400, 400, 'The request body is not JSON'));
    }
  });
  server.addHook('onSend', async (_request, reply) => void reply.header('content-type', CONTENT_TYPE));
  server.setErrorHandler((error, _request, reply) => {
    const status =
      error instanceof RegistryError ? error.status : ((error as { statusCode?: number }).statusCode ?? 500);
    const code = error instanceof RegistryError ? error.code : status === 500 ? 50001 : status;
    void reply.status(status).send({ error_code: code, message: describeError(error) });
  });
  server.setNotFoundHandler((_request, reply) =>
    reply.status(404).send({ error_code: 404, message: 'HTTP 404 Not Found' }),
  );

  let turn: Promise<unknown> = Promise.resolve();
  /** Commands run one after the other, so that two clients cannot be given the same id. */
  const inTurn = <T>(command: () => Promise<T>): Promise<T> => {
    const result = turn.then(command);
    turn = result.catch(() => {});
    return result;
  };
  const commit = async (event: SchemaEvent | null) => {
    if (!event) return;
    await append(event);
    state.apply(event);
  };
  readRoutes(server, state);
  server.post<{ Params: Params; Body: SchemaBody }>('/subjects/:subject/versions', ({ params, body }) =>
    inTurn(async () => {
      const { id, event } = state.register(params.subject, avroText(body));
      await commit(event);
      return { id };
    }),
  );
  const setLevel = (subject: string | null, body: { compatibility?: string }) =>
    inTurn(async () => {
      const { level, event } = state.setLevel(subject, body.compatibility);
      await commit(event);
      return { compatibility: level };
    });
  server.put<{ Body: { compatibility?: string } }>('/config', ({ body }) => setLevel(null, body));
  server.put<{ Params: Params; Body: { compatibility?: string } }>('/config/:subject', ({ params, body }) =>
    setLevel(params.subject, body),
  );
  return server;
}

function readRoutes(server: FastifyInstance, state: RegistryState): void {
  server.get('/', async () => ({}));
  server.get('/schemas/types', async () => ['AVRO']);
  server.get('/mode', async () => ({ mode: 'READWRITE' }));
  server.get<{ Params: Params }>('/schemas/ids/:id', async ({ params }) => ({ schema: state.schema(params.id) }));
  server.get('/subjects', async () => state.subjects());
  server.get<{ Params: Params }>('/subjects/:subject/versions', async ({ params }) => state.versions(params.subject));
  server.get<{ Params: Params }>('/subjects/:subject/versions/:version', async ({ params }) =>
    state.version(params.subject, params.version),
  );
  server.post<{ Params: Params; Body: SchemaBody }>('/subjects/:subject', async ({ params, body }) =>
    state.lookup(params.subject, avroText(body)),
  );
  server.post<{ Params: Params; Body: SchemaBody; Querystring: { verbose?: string } }>(
    '/compatibility/subjects/:subject/versions/:version',
    async ({ params, body, query }) => {
      const messages = state.check(params.subject, avroText(body), params.version);
      return { is_compatible: messages.length === 0, ...(query.verbose === 'true' ? { messages } : {}) };
    },
  );
  server.get('/config', async () => ({ compatibilityLevel: state.level(null, true) }));
  server.get<{ Params: Params; Querystring: { defaultToGlobal?: string } }>(
    '/config/:subject',
    async ({ params, query }) => ({
      compatibilityLevel: state.level(params.subject, query.defaultToGlobal === 'true'),
    }),
  );
}

function avroText(body: SchemaBody): string {
  if ((body.schemaType ?? 'AVRO') !== 'AVRO') {
    throw new RegistryError(422, 42201, `Invalid schema: this registry takes AVRO, not ${body.schemaType}`);
  }
  if (body.references && body.references.length > 0) {
    throw new RegistryError(
      422,
      42201,
      'Invalid schema: references to other subjects are not supported; inline the types',
    );
  }
  return body.schema as string;
}
