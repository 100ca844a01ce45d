/** Sessions of ONNX Runtime on the execution providers of the configuration. */
import { InferenceSession, listSupportedBackends } from 'onnxruntime-node';
import { closest } from '#streams/kit/config.ts';
import { describeError, TidemarkError } from '#streams/kit/errors.ts';

export interface SessionOptions {
  /** Execution providers by preference, e.g. cuda, cpu (TIDEMARK_ONNX_PROVIDERS): what one cannot do goes to the next. */
  readonly providers: readonly string[];
  /** Threads within one call (TIDEMARK_ONNX_THREADS). */
  readonly threads: number;
}

/** Execution providers that this build of ONNX Runtime knows. */
export const knownProviders = (): string[] => listSupportedBackends().map(({ name }) => name);

/**
 * Opens an ONNX file. Throws PROVIDER_UNKNOWN, with those that there are; PROVIDER_FAILED, where one cannot start on this machine;
 * MODEL_UNREADABLE.
 */
export async function openSession(
  bytes: Uint8Array,
  { providers, threads }: SessionOptions,
): Promise<InferenceSession> {
  const known = knownProviders();
  if (providers.length === 0) throw new TidemarkError('PROVIDER_UNKNOWN', `No execution provider is named`);
  for (const name of providers) {
    if (known.includes(name)) continue;
    const hint = closest(name, known) || `: there are ${known.join(', ')}`;
    throw new TidemarkError('PROVIDER_UNKNOWN', `There is no execution provider "${name}"${hint}`);
  }
  return InferenceSession.create(bytes, {
    executionProviders: [...providers],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    // Errors come as exceptions; what else it would print is for people who build graphs.
    logSeverityLevel: 3,
  }).catch((cause) => {
    const why = describeError(cause);
    if (providers.length === 1 && providers[0] === 'cpu')
      throw new TidemarkError('MODEL_UNREADABLE', `ONNX Runtime does not take the model: ${why}`, { cause });
    const bundled = listSupportedBackends().filter((backend) => backend.bundled);
    const sure = bundled.map(({ name }) => name).join(', ');
    throw new TidemarkError(
      'PROVIDER_FAILED',
      `${providers.join(', ')}: ${why} (${sure} need no library of their own)`,
      {
        cause,
      },
    );
  });
}
