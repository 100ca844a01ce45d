import { type KeeperOptions, keeperJob } from '../keeper.ts';
import { firstRecord, runUntilTold, type Surroundings, say } from './child.ts';

const LOOK_MS = 5;

/**
 * A topology that keeps a million rows, as a process of its own. Says when its restore begins, when it is ready and
 * when the first record comes: `restoringMs`, `readyMs`, `firstMs`, all by the wall clock; and how many pulses other
 * tasks processed between the first two, and the longest stretch without one.
 */
const run = JSON.parse(process.argv[2]!) as Surroundings & Pick<KeeperOptions, 'name' | 'input' | 'output' | 'pulses'>;
let pulses = 0;
let lastPulseMs = 0;
let longestGapMs = 0;
const onPulse = () => {
  const nowMs = performance.now();
  longestGapMs = Math.max(longestGapMs, nowMs - lastPulseMs);
  lastPulseMs = nowMs;
  pulses++;
};
await runUntilTold(keeperJob({ ...run, onRecord: firstRecord(), onPulse }), run, (running) => {
  let isRestoring = false;
  const timer = setInterval(() => {
    const reason = running.notReady();
    if (reason !== null && /restor/.test(reason) && !isRestoring) {
      isRestoring = true;
      pulses = 0;
      lastPulseMs = performance.now();
      longestGapMs = 0;
      say({ restoringMs: Date.now() });
    }
    if (reason !== null) return;
    clearInterval(timer);
    say({ readyMs: Date.now(), pulses, longestGapMs: isRestoring ? longestGapMs : 0 });
  }, LOOK_MS);
});
