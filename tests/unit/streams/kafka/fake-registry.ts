import { createServer } from 'node:http';

/** A schema registry in memory, and what to answer instead, by path. */
export async function startFakeRegistry() {
  const schemas: string[] = [];
  const requests: string[] = [];
  const answers = new Map<string, { status: number; body: string }>();
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    const path = request.url!;
    requests.push(`${request.method} ${path} ${request.headers.authorization ?? ''}`.trim());
    const fixed = answers.get(path);
    if (fixed) return void response.writeHead(fixed.status).end(fixed.body);
    if (request.method === 'POST') {
      const { schema } = JSON.parse(body) as { schema: string };
      if (!schemas.includes(schema)) schemas.push(schema);
      response.end(JSON.stringify({ id: schemas.indexOf(schema) + 1 }));
    } else if (request.method === 'PUT') response.end(body);
    else {
      const schema = schemas[Number(path.split('/').at(-1)) - 1];
      if (schema === undefined) response.writeHead(404).end('{"error_code":40403,"message":"Schema not found"}');
      else response.end(JSON.stringify({ schema }));
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    answers,
    stop: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
