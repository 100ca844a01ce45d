import { TidemarkError } from '#streams/kit/errors.ts';
import { runningSystem } from './running.ts';

const TIMEOUT_MS = 30_000;

/** Asks the running system's API. Throws NOT_RUNNING, or what the API says is wrong with its code. */
export async function askApi<T>(query: string, variables: Record<string, unknown> = {}): Promise<T> {
  const running = runningSystem();
  if (!running) throw new TidemarkError('NOT_RUNNING', 'No running Tidemark found: start one with npm start');
  let response: Response;
  try {
    response = await fetch(`${running.httpUrl}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query, variables }),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
  } catch (cause) {
    const hint = 'see the log of the process api, and `tidemark doctor`';
    throw new TidemarkError('API_UNREACHABLE', `The API at ${running.httpUrl} does not answer: ${hint}`, { cause });
  }
  const { data, errors } = (await response.json()) as {
    data?: T | null;
    errors?: readonly { message: string; extensions?: { code?: string } }[];
  };
  const [error] = errors ?? [];
  if (error || !data)
    throw new TidemarkError(error?.extensions?.code ?? 'API_FAILED', error?.message ?? 'The API gave no answer');
  return data;
}
