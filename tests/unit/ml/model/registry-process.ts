/** One of several processes that take steps with one registry: `registry-process.ts FOLDER SEED`. Tells its parent the ids of its events. */
import { ModelRegistry } from '#ml/model/registry.ts';
import { TidemarkError } from '#streams/kit/errors.ts';
import { Random } from '#streams/kit/random.ts';
import { modelOf, NAME, versionOf } from './models.ts';

const STEPS = 30;
const [folder = '', seed = ''] = process.argv.slice(2);
const random = new Random(seed);
const registry = new ModelRegistry({ folder, shipped: `${folder}/nothing` });
const ids: string[] = [];
for (let step = 0; step < STEPS; step++) {
  const number = 1 + random.below(8);
  const how = { by: `cli:${seed}`, reason: 'a test', eventTime: step };
  const steps = [
    () => registry.register(modelOf(number), how),
    () => registry.toShadow(NAME, versionOf(number), how),
    () => registry.promote(NAME, versionOf(number), how),
    () => registry.reject(NAME, versionOf(number), how),
    () => registry.rollback(NAME, how),
  ];
  try {
    ids.push(...(await steps[random.below(steps.length)]!()).map(({ eventId }) => eventId));
  } catch (error) {
    if (!(error instanceof TidemarkError) || error.retriable) throw error;
  }
}
process.send!(ids);
