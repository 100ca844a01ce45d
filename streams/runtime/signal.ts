/** Wakes one waiter; a notice given while nobody waits is kept for the next. */
export class Signal {
  #noticed = false;
  #resolve: (() => void) | null = null;

  notify(): void {
    this.#noticed = true;
    this.#resolve?.();
  }
  /** Resolves at a notice or after `ms`. */
  async wait(ms: number): Promise<void> {
    if (!this.#noticed) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms);
        this.#resolve = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      this.#resolve = null;
    }
    this.#noticed = false;
  }
}
