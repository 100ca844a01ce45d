/** Scores rows of numbers with an ONNX model. */
import { type InferenceSession, Tensor } from 'onnxruntime-node';
import { describeError, TidemarkError } from '#streams/kit/errors.ts';
import type { ModelFile } from './metadata.ts';
import { openSession, type SessionOptions } from './session.ts';

const INPUT = 'features';
const OUTPUT = 'scores';

/**
 * A model that scores. Rows are one flat array, row after row, and so are scores: no object a row. One call at a time per scorer; calls that
 * come meanwhile wait their turn.
 */
export class Scorer {
  readonly model: ModelFile;
  readonly #session: InferenceSession;
  #last: Promise<unknown> = Promise.resolve();
  #closed = false;

  private constructor(model: ModelFile, session: InferenceSession) {
    this.model = model;
    this.#session = session;
  }

  /**
   * Opens a model that readModel has read, and scores a row of zeros with it, so that what cannot score fails here and not in the stream. Throws
   * PROVIDER_UNKNOWN, with those that there are; PROVIDER_FAILED, where one cannot start on this machine; MODEL_UNREADABLE; MODEL_SHAPE where the graph is not
   * double [rows, features] → double [rows, outputs] as the metadata say.
   */
  static async open(model: ModelFile, options: SessionOptions): Promise<Scorer> {
    const session = await openSession(model.bytes, options);
    const scorer = new Scorer(model, session);
    try {
      scorer.#requireShape();
      await scorer.score(new Float64Array(model.metadata.features.length), 1);
      return scorer;
    } catch (error) {
      await scorer.close();
      throw error;
    }
  }

  /**
   * Scores `count` rows (count × features doubles, row-major) and returns count × outputs doubles, row-major. A row with an infinite feature, or
   * with NaN in a model that has not learned what that means, has NaN for scores, and so has one whose score is not finite: the others are
   * scored all the same. Throws SHAPE_MISMATCH where the width is not the model's, SCORER_CLOSED, SCORING_FAILED.
   */
  score(rows: Float64Array, count: number): Promise<Float64Array> {
    const { features, outputs } = this.model.metadata;
    if (!Number.isInteger(count) || count < 0 || rows.length !== count * features.length)
      throw new TidemarkError(
        'SHAPE_MISMATCH',
        `${rows.length} values are not ${count} rows of the ${features.length} features of ${this.model.metadata.name}`,
      );
    if (this.#closed) throw new TidemarkError('SCORER_CLOSED', `${this.model.metadata.name} is closed`);
    if (count === 0) return Promise.resolve(new Float64Array(0));
    const run = this.#last.then(() => this.#run(rows, count));
    this.#last = run.catch(() => undefined);
    return run.then((scores) => this.#withoutUnsound(rows, scores, features.length, outputs.length));
  }

  /** Waits for calls that are on their way, and frees the session. Twice does no harm. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#last;
    await this.#session.release();
  }

  async #run(rows: Float64Array, count: number): Promise<Float64Array> {
    const { name, features, outputs } = this.model.metadata;
    let scores: Tensor;
    try {
      const feeds = { [INPUT]: new Tensor('float64', rows, [count, features.length]) };
      scores = (await this.#session.run(feeds, [OUTPUT]))[OUTPUT] as Tensor;
    } catch (cause) {
      throw new TidemarkError('SCORING_FAILED', `${name}: ${describeError(cause)}`, { cause });
    }
    if (scores.data.length !== count * outputs.length)
      throw new TidemarkError('MODEL_SHAPE', `${name} gives ${scores.dims.join(' × ')} scores for ${count} rows`);
    return scores.data as Float64Array;
  }

  #withoutUnsound(rows: Float64Array, scores: Float64Array, width: number, outputs: number): Float64Array {
    const learned = this.model.metadata.missing === 'learned';
    for (let row = 0, at = 0; at < scores.length; row++, at += outputs) {
      let isSound = true;
      for (let column = row * width; column < (row + 1) * width; column++) {
        const value = rows[column]!;
        if (!(Math.abs(value) < Infinity) && !(learned && Number.isNaN(value))) isSound = false;
      }
      for (let output = at; output < at + outputs; output++) {
        if (!(Math.abs(scores[output]!) < Infinity)) isSound = false;
      }
      if (!isSound) scores.fill(Number.NaN, at, at + outputs);
    }
    return scores;
  }

  #requireShape(): void {
    const { name, features, outputs } = this.model.metadata;
    const { inputMetadata, outputMetadata } = this.#session;
    const input = inputMetadata.length === 1 ? inputMetadata[0] : undefined;
    const output = outputMetadata.find((each) => each.name === OUTPUT);
    for (const [what, tensor, wanted, width] of [
      ['input', input, INPUT, features.length],
      ['output', output, OUTPUT, outputs.length],
    ] as const) {
      const isSound =
        tensor?.isTensor &&
        tensor.name === wanted &&
        tensor.type === 'float64' &&
        tensor.shape.length === 2 &&
        (tensor.shape[1] === width || typeof tensor.shape[1] === 'string');
      if (isSound) continue;
      const found = tensor?.isTensor ? `${tensor.name}: ${tensor.type} [${tensor.shape.join(', ')}]` : 'none';
      throw new TidemarkError(
        'MODEL_SHAPE',
        `The ${what} of ${name} is ${found}: expected ${wanted}: float64 [rows, ${width}], as its metadata say`,
      );
    }
  }
}
