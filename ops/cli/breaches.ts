import { randomUUID } from 'node:crypto';
import { Command, InvalidArgumentError, Option } from 'commander';
import { parseTime } from '#connectors/file/time.ts';
import type { RiskAcknowledgement, RiskBreach } from '#schemas/generated/types.ts';
import { acknowledgementOf } from '#schemas/response.ts';
import { PARTITIONS } from '#schemas/topics.ts';
import { murmur2Partition } from '#streams/kafka/murmur2.ts';
import { closest } from '#streams/kit/config.ts';
import { TidemarkError } from '#streams/kit/errors.ts';
import { action, printJson, printLine, table } from './command.ts';
import { type Connection, withSystem } from './running.ts';
import { newestEventTime, readAll, write } from './said.ts';

const BREACHES = 'risk.breaches';
const ACKNOWLEDGEMENTS = 'risk.acknowledgements';

interface SaidFlags {
  readonly portfolio: string;
  readonly by: string;
  readonly reason: string;
  readonly until?: number;
}

const time = (text: string): number => {
  // An override of a system that runs ahead of, or behind, this clock: what is no time at all is refused here, the rest there.
  const micros = parseTime(text, Number.MAX_SAFE_INTEGER / 2000);
  if (typeof micros === 'string') throw new InvalidArgumentError(`${text} ${micros}.`);
  return micros;
};
const portfolio = () => new Option('--portfolio <id>', 'portfolio').makeOptionMandatory();

/** The newest record of each incident of a portfolio, by id. */
async function incidents(system: Connection, id: string): Promise<Map<string, RiskBreach>> {
  const found = new Map<string, RiskBreach>();
  const see = (key: string, breach: RiskBreach | null) => {
    if (key === id && breach) found.set(breach.breachId, breach);
  };
  await readAll<RiskBreach>(system, BREACHES, see, murmur2Partition(id, PARTITIONS));
  return found;
}

/** Writes what a person says to an incident. Throws BREACH_UNKNOWN, ACKNOWLEDGEMENT_INVALID, ID_INVALID. */
async function say(breachId: string, kind: RiskAcknowledgement['kind'], flags: SaidFlags): Promise<number> {
  const { portfolio: id, by, reason, until = null } = flags;
  return withSystem(async (system) => {
    const known = await incidents(system, id);
    if (!known.has(breachId)) {
      const open = [...known.values()].filter(({ level }) => level !== 'NONE').map((breach) => breach.breachId);
      const hint = closest(breachId, [...known.keys()]) || `; open are: ${open.join(', ') || 'none'}`;
      throw new TidemarkError('BREACH_UNKNOWN', `${id} has no incident "${breachId}"${hint}`);
    }
    const times = [await newestEventTime(system, BREACHES, id), await newestEventTime(system, 'portfolio.pnl', id)];
    const newest = Math.max(...times.map((micros) => micros ?? 0));
    const input = { portfolio: id, breachId, kind, by: `cli:${by}`, reason, until, acknowledgementId: randomUUID() };
    const { record, problem } = acknowledgementOf(by.trim() === '' ? { ...input, by } : input, newest, Date.now());
    if (problem) throw new TidemarkError(problem.code, problem.reason);
    await write(system, ACKNOWLEDGEMENTS, [id], record, record.eventTime);
    const how = until === null ? 'acknowledged' : `overridden until ${new Date(until / 1000).toISOString()}`;
    printLine(`${breachId} is ${how}, as of ${new Date(record.eventTime / 1000).toISOString()}`);
    return 0;
  });
}

const sayingCommand = (name: string, description: string): Command =>
  new Command(name)
    .description(description)
    .argument('<breach>', 'id of the incident, e.g. momentum/var-99/3')
    .addOption(portfolio())
    .requiredOption('--by <name>', 'who says so, for the record')
    .requiredOption('--reason <text>', 'why');

const listCommand = (): Command =>
  new Command('list')
    .description('incidents of a portfolio that last')
    .addOption(portfolio())
    .option('--all', 'those that are over, too')
    .option('--json', 'as JSON, with all figures')
    .action(
      action(async (flags: { portfolio: string; all?: boolean; json?: boolean }) => {
        const known = await withSystem((system) => incidents(system, flags.portfolio));
        const shown = [...known.values()].filter(({ level }) => flags.all || level !== 'NONE');
        if (flags.json) printJson(shown);
        else if (shown.length === 0) printLine(`No incident of ${flags.portfolio}${flags.all ? '' : ' lasts'}`);
        else {
          const rows = shown.map(({ breachId, severity, level, value, threshold, openedAt }) => [
            breachId,
            severity,
            level === 'NONE' ? 'over' : level,
            figure(value),
            figure(threshold),
            new Date(openedAt / 1000).toISOString(),
          ]);
          const head = ['incident', 'severity', 'level', 'figure', 'limit', 'opened'];
          for (const line of table([head, ...rows], [3, 4])) printLine(line);
        }
        return 0;
      }),
    );

const figure = (value: number | null) => (value === null ? '-' : String(Number(value.toPrecision(6))));

export const breachesCommand = (): Command =>
  new Command('breaches')
    .description('incidents of limits: list, acknowledge, override')
    .addCommand(listCommand())
    .addCommand(
      sayingCommand('ack', 'say that an incident is known: what waits for nobody to do so is not done').action(
        action((breachId: string, flags: SaidFlags) => say(breachId, 'ACKNOWLEDGE', flags)),
      ),
    )
    .addCommand(
      sayingCommand('override', 'hold what is done about an incident, and lift the halt it made, until a time')
        .requiredOption('--until <time>', 'event time, ISO 8601: that of the market, not of this clock', time)
        .action(action((breachId: string, flags: SaidFlags) => say(breachId, 'OVERRIDE', flags))),
    );
