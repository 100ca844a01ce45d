import cliProgress from 'cli-progress';

const LINE_INTERVAL_MS = 2_000;
const SCALE = 1_000;

/** How much of something is done: a bar on a terminal, elsewhere a line every two seconds; nothing without a stream. */
export class ShareProgress {
  readonly #what: string;
  readonly #stream: NodeJS.WriteStream | null;
  readonly #bar: cliProgress.SingleBar | null;
  #lineAtMs = Date.now();

  /** `what` is done: `Reading`. */
  constructor(what: string, stream: NodeJS.WriteStream | null) {
    this.#what = what;
    this.#stream = stream;
    const format = `${what} {bar} {percentage} %  {detail}  {eta_formatted} left`;
    this.#bar = stream?.isTTY
      ? new cliProgress.SingleBar(
          { format, stream, hideCursor: true, clearOnComplete: true, gracefulExit: false },
          cliProgress.Presets.shades_classic,
        )
      : null;
    this.#bar?.start(SCALE, 0, { detail: '' });
  }

  /** `share` from 0 to 1. */
  show(share: number, detail: string): void {
    if (this.#bar) {
      this.#bar.update(Math.floor(share * SCALE), { detail });
      return;
    }
    if (!this.#stream || Date.now() - this.#lineAtMs < LINE_INTERVAL_MS) return;
    this.#lineAtMs = Date.now();
    this.#stream.write(`${this.#what}: ${Math.floor(share * 100)} %, ${detail}\n`);
  }

  stop(): void {
    this.#bar?.stop();
  }
}
