import { userInfo } from 'node:os';
import { join } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { parseTime } from '#connectors/file/time.ts';
import { missingForTraining } from '#connectors/models/python.ts';
import { TO } from '#ml/life/next-step.ts';
import { trainerOf } from '#ml/life/trainers.ts';
import type { ModelEntry } from '#ml/model/life.ts';
import { ModelRegistry, type Step } from '#ml/model/registry.ts';
import type { MlEvent } from '#schemas/generated/types.ts';
import { SETTINGS } from '#schemas/settings.ts';
import { readSettings } from '#streams/kit/config.ts';
import { describeError, TidemarkError } from '#streams/kit/errors.ts';
import { action, note, printJson, printLine, table } from './command.ts';
import { findSystem, homeFolder, withSystem } from './running.ts';

interface Said {
  readonly by: string;
  readonly reason: string;
  readonly json?: boolean;
}

const registryOf = () => new ModelRegistry({ folder: join(homeFolder(), 'models') });
const day = (micros: number) => new Date(micros / 1000).toISOString().slice(0, 10);
const stageOf = ({ stage, rejected }: ModelEntry) => (rejected ? 'REJECTED' : stage);
const json = () => new Option('--json', 'as JSON');

function metricsOf(values: Readonly<Record<string, number>>): string {
  const texts = Object.entries(values).map(([name, value]) => `${name} ${Number(value.toPrecision(4))}`);
  return texts.join(', ') || '-';
}

const listCommand = (): Command =>
  new Command('list')
    .description('versions of models, and which of them counts')
    .argument('[name]', 'one model (default: all)')
    .addOption(json())
    .action(
      action(async (name: string | undefined, flags: { json?: boolean }) => {
        const registry = registryOf();
        const entries = (name === undefined ? registry.names() : [name]).flatMap((each) => registry.list(each));
        if (flags.json) printJson(entries);
        else if (entries.length === 0) printLine('There are no models yet');
        else {
          const rows = entries.map((entry) => [
            entry.name,
            entry.version,
            stageOf(entry),
            day(entry.stagedAt),
            day(entry.metadata.training.labelsUntil),
            metricsOf(entry.metadata.metrics.outOfSample),
          ]);
          const head = ['model', 'version', 'stage', 'since', 'trained until', 'out of sample'];
          for (const line of table([head, ...rows])) printLine(line);
        }
        return 0;
      }),
    );

const showCommand = (): Command =>
  new Command('show')
    .description('what a version says of itself, and what happened to it')
    .argument('<name>', 'model')
    .argument('[version]', 'version (default: the champion)')
    .addOption(json())
    .action(
      action(async (name: string, version: string | undefined, flags: { json?: boolean }) => {
        const registry = registryOf();
        const entry = registry.get(name, version ?? championOf(registry, name));
        const events = registry.events(name).filter((event) => event.version === entry.version);
        if (flags.json) {
          printJson({ ...entry, events: events.map(({ metadata: _metadata, ...event }) => event) });
          return 0;
        }
        const { training, features, outputs, label, metrics, calibration, packages } = entry.metadata;
        const rows = [
          ['model', `${name} ${entry.version}, ${stageOf(entry)} since ${day(entry.stagedAt)}`],
          ['file', `SHA-256 ${entry.sha256}`],
          ['label', label],
          ['features', features.join(', ')],
          ['outputs', outputs.join(', ')],
          [
            'trained',
            `${training.rows} rows from ${day(training.from)} to ${day(training.to)}, labels until ${day(training.labelsUntil)}`,
          ],
          ['in sample', metricsOf(metrics.inSample)],
          ['out of sample', metricsOf(metrics.outOfSample)],
          ['calibration', calibration.method],
          [
            'packages',
            Object.entries(packages)
              .map(([each, of]) => `${each} ${of}`)
              .join(', '),
          ],
          ...events.map((event) => [day(event.eventTime), `${event.type} by ${event.by}: ${event.reason}`]),
        ];
        for (const line of table(rows)) printLine(line);
        return 0;
      }),
    );

function championOf(registry: ModelRegistry, name: string): string {
  // Says what is wrong with a name that there is not.
  registry.list(name);
  const champion = registry.champion(name);
  if (champion) return champion.version;
  throw new TidemarkError('VERSION_MISSING', `${name} has no champion: name a version (tidemark models list ${name})`);
}

const verifyCommand = (): Command =>
  new Command('verify')
    .description('compare the files with what was registered')
    .argument('[name]', 'one model (default: all)')
    .addOption(json())
    .action(
      action(async (name: string | undefined, flags: { json?: boolean }) => {
        const registry = registryOf();
        const entries = (name === undefined ? registry.names() : [name]).flatMap((each) => registry.list(each));
        const checked = entries.map((entry) => ({ ...problemOf(registry, entry), entry }));
        if (flags.json)
          printJson(
            checked.map(({ entry, code, reason }) => ({ name: entry.name, version: entry.version, code, reason })),
          );
        else {
          for (const { entry, reason } of checked) printLine(reason ?? `${entry.name} ${entry.version} is sound`);
          if (checked.length === 0) printLine('There are no models yet');
        }
        return checked.some(({ code }) => code !== null) ? 1 : 0;
      }),
    );

function problemOf(registry: ModelRegistry, { name, version }: ModelEntry) {
  try {
    registry.load(name, version);
    return { code: null, reason: null };
  } catch (error) {
    if (!(error instanceof TidemarkError)) throw error;
    return { code: error.code, reason: error.message };
  }
}

/** A command that changes a stage: it is done on disk at once, and told to Kafka when Tidemark runs. */
function stepCommand(name: string, description: string, take: Take, withVersion: boolean): Command {
  const command = new Command(name).description(description).argument('<name>', 'model');
  if (withVersion) command.argument('<version>', 'version, as tidemark models list shows it');
  return command
    .requiredOption('--by <name>', 'who does it, for the audit trail')
    .requiredOption('--reason <text>', 'why')
    .addOption(json())
    .action(
      action(async (...args: unknown[]) => {
        const [model, version] = args as string[];
        const { by, reason, json: asJson } = (withVersion ? args[2] : args[1]) as Said;
        for (const [flag, text] of [
          ['--by', by],
          ['--reason', reason],
        ] as const)
          if (text.trim() === '') throw new TidemarkError('OPTION_MISSING', `${flag} is empty`);
        const registry = registryOf();
        const events = await take(registry, model!, version!, {
          by: `cli:${by}`,
          reason,
          eventTime: await present(registry, model!),
        });
        if (asJson) printJson(events.map(({ metadata: _metadata, ...event }) => event));
        else for (const { version: of, toStage } of events) printLine(`${model} ${of} is ${toStage} now`);
        await tell(registry);
        return 0;
      }),
    );
}
type Take = (registry: ModelRegistry, name: string, version: string, step: Step) => Promise<MlEvent[]>;

function isThere(): boolean {
  try {
    findSystem();
    return true;
  } catch (error) {
    if (error instanceof TidemarkError && error.code === 'NOT_RUNNING') return false;
    throw error;
  }
}

/** Event time of what a person does: that of the running system; else the model's newest, since a log has no holes; else the clock's. */
async function present(registry: ModelRegistry, name: string): Promise<number> {
  const events = registry.events(name);
  const { newestOfAll } = await import('./said.ts');
  const running = isThere() ? await withSystem(newestOfAll) : null;
  return running ?? events.at(-1)?.eventTime ?? Date.now() * 1000;
}

/** Sends what has not been sent. What is done is done: where Kafka is away the next command or start sends it. */
async function tell(registry: ModelRegistry): Promise<void> {
  if (!isThere()) return note('Tidemark does not run: ml.events and the audit trail are told when it does');
  try {
    await withSystem(async ({ kafka, registry: schemas }) => {
      const { publishMlEvents } = await import('#connectors/models/publish.ts');
      await registry.flush((events) => publishMlEvents(kafka, schemas, events));
    });
  } catch (error) {
    note(`It is done, but Kafka could not be told: ${describeError(error)}. The next command tells it.`);
  }
}

/** Asks for a training. Whoever keeps models does it: the process `models`, now or when Tidemark starts. */
const retrainCommand = (): Command =>
  new Command('retrain')
    .description('have a model trained anew on what was recorded; what is made is compared with the champion')
    .argument('<name>', 'model')
    .option('--to <time>', 'learn only from what is before: ISO 8601 or an epoch (default: everything)', (text) => {
      const micros = parseTime(text, Date.now());
      if (typeof micros === 'string') throw new InvalidArgumentError(`${text} ${micros}`);
      return micros;
    })
    .option('--by <name>', 'who asks for it, for the audit trail (default: the account)')
    .option('--reason <text>', 'why', 'asked for')
    .addOption(json())
    .action(
      action(async (name: string, flags: Partial<Said> & { readonly to?: number }) => {
        const { to, by = userInfo().username, reason = '', json: asJson } = flags;
        const registry = registryOf();
        const { model } = trainerOf(name);
        registry.list(model);
        const missing = await missingForTraining(readSettings(SETTINGS, process.env).TIDEMARK_PYTHON);
        if (missing !== null) throw new TidemarkError('TRAINING_IMPOSSIBLE', missing);
        const events = await registry.note(model, {
          ...{
            type: 'RETRAINING_REQUESTED',
            version: registry.champion(model)?.version ?? null,
            by: `cli:${by}`,
            reason,
          },
          eventTime: await present(registry, model),
          figures: to === undefined ? [] : [{ name: TO, value: to }],
        });
        if (asJson) printJson(events);
        else printLine(`${model} is to be trained anew: tidemark models list ${model} shows what comes of it`);
        await tell(registry);
        return 0;
      }),
    );

export const modelsCommand = (): Command =>
  new Command('models')
    .description('models: what there is, which counts, promote, roll back, reject, retrain, verify')
    .addCommand(listCommand())
    .addCommand(showCommand())
    .addCommand(
      stepCommand(
        'promote',
        'make a candidate, a shadow or a former champion the champion',
        (registry, name, version, step) => registry.promote(name, version, step),
        true,
      ),
    )
    .addCommand(
      stepCommand(
        'reject',
        'refuse a candidate or a shadow for good',
        (registry, name, version, step) => registry.reject(name, version, step),
        true,
      ),
    )
    .addCommand(
      stepCommand(
        'rollback',
        'make the champion before the present one champion again',
        (registry, name, _version, step) => registry.rollback(name, step),
        false,
      ),
    )
    .addCommand(retrainCommand())
    .addCommand(verifyCommand());
