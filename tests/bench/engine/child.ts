/** Says something to the process that measures. */
export const say = (message: Record<string, number>): void => {
  process.stdout.write(`${JSON.stringify(message)}\n`);
};

/** Resolves when this process is asked to end. */
export const untilTold = (): Promise<void> => new Promise((resolve) => process.once('SIGTERM', () => resolve()));
