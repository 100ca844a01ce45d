import { Command, InvalidArgumentError, Option } from 'commander';
import { LIMIT_TYPE_NAMES, LIMIT_TYPES, type LimitType } from '#schemas/limits.ts';
import { closest } from '#streams/kit/config.ts';
import { TidemarkError } from '#streams/kit/errors.ts';
import { action, printJson, printLine, table, wholeNumber } from './command.ts';
import { askApi } from './graphql.ts';

const LIST = `query ($id: ID!) { portfolios { id } limits(portfolioId: $id) { limitId
  definition { type severity scope scopeId threshold relativeTo warnAt method confidence horizonDays scenario windowMs
    adjustment reference minimum maximum enabled setBy reason eventTime }
  standing { value threshold utilisation state subject reason since } } }`;
const SET = 'mutation ($input: LimitInput!) { setLimit(input: $input) { limitId } }';
const REMOVE = 'mutation ($id: ID!, $limitId: String!) { removeLimit(portfolioId: $id, limitId: $limitId) }';
const SWITCH = `mutation ($id: ID, $state: String!, $reason: String!, $by: String!) {
  setKillSwitch(portfolioId: $id, state: $state, reason: $reason, by: $by) { state } }`;

interface Listed {
  readonly limitId: string;
  readonly definition: { readonly type: string; readonly severity: string; readonly enabled: boolean };
  readonly standing: {
    readonly value: number | null;
    readonly threshold: number | null;
    readonly utilisation: number | null;
    readonly state: string;
    readonly reason: string | null;
  } | null;
}

const number = (text: string): number => {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (!Number.isFinite(value)) throw new InvalidArgumentError('Expected a number.');
  return value;
};
const type = (text: string): string => {
  if (Object.hasOwn(LIMIT_TYPES, text)) return text;
  throw new InvalidArgumentError(`There is no such type${closest(text, LIMIT_TYPE_NAMES)} All: tidemark limits types.`);
};
const portfolio = () => new Option('--portfolio <id>', 'portfolio').makeOptionMandatory();
const by = () => new Option('--by <name>', 'who does it, for the audit trail').makeOptionMandatory();

async function listed(id: string): Promise<Listed[]> {
  const { portfolios, limits } = await askApi<{ portfolios: { id: string }[]; limits: Listed[] }>(LIST, { id });
  if (limits.length > 0 || portfolios.some((one) => one.id === id)) return limits;
  const names = portfolios.map((one) => one.id);
  const hint = closest(id, names) || `: there are ${names.join(', ') || 'none yet'}`;
  throw new TidemarkError('PORTFOLIO_UNKNOWN', `There is no portfolio "${id}"${hint}`);
}

const figure = (value: number | null | undefined) => (value == null ? '-' : String(Number(value.toPrecision(6))));

const listCommand = (): Command =>
  new Command('list')
    .description('limits of a portfolio, and what they stand at')
    .addOption(portfolio())
    .option('--json', 'as JSON, with everything that was set')
    .action(
      action(async (flags: { portfolio: string; json?: boolean }) => {
        const limits = await listed(flags.portfolio);
        if (flags.json) printJson(limits);
        else if (limits.length === 0) printLine(`${flags.portfolio} has no limits: tidemark limits set --help`);
        else {
          const rows = limits.map(({ limitId, definition, standing }) => [
            limitId,
            definition.type,
            definition.severity,
            definition.enabled ? (standing?.state ?? '-') : 'OFF',
            figure(standing?.value),
            figure(standing?.threshold),
            standing?.utilisation == null ? '-' : `${(standing.utilisation * 100).toFixed(0)} %`,
            standing?.reason ?? '',
          ]);
          const head = ['limit', 'type', 'severity', 'state', 'figure', 'in force', 'used', ''];
          for (const line of table([head, ...rows], [4, 5, 6])) printLine(line);
        }
        return 0;
      }),
    );

const typesCommand = (): Command =>
  new Command('types')
    .description('what can be limited')
    .option('--json', 'as JSON')
    .action(
      action(async (flags: { json?: boolean }) => {
        const types = Object.entries(LIMIT_TYPES as Record<string, LimitType>);
        if (flags.json) printJson(types.map(([name, rest]) => ({ name, ...rest })));
        else {
          const rows = types.map(([name, { unit, scopes, doc }]) => [name, unit, scopes.join(', ').toLowerCase(), doc]);
          for (const line of table([['type', 'unit', 'scopes', ''], ...rows])) printLine(line);
        }
        return 0;
      }),
    );

const setCommand = (): Command =>
  new Command('set')
    .description('set a limit; one of the same id is replaced')
    .argument('<limitId>', 'id within the portfolio, e.g. var-99')
    .addOption(portfolio())
    .addOption(by())
    .requiredOption('--type <type>', 'what is limited (tidemark limits types)', type)
    .requiredOption('--threshold <number>', 'the figure may reach it and not pass it', number)
    .addOption(new Option('--severity <severity>').choices(['HARD', 'SOFT', 'INFORMATIONAL']).makeOptionMandatory())
    .option('--of-equity', 'the threshold is a fraction of equity')
    .addOption(
      new Option('--scope <scope>').choices(['PORTFOLIO', 'STRATEGY', 'INSTRUMENT', 'SECTOR']).default('PORTFOLIO'),
    )
    .option('--scope-id <id>', 'which strategy, instrument or sector')
    .option('--warn-at <fraction>', 'utilisation from which on there is a warning', number, 0.8)
    .option('--method <method>', 'of VaR and ES (default: historical)')
    .option('--confidence <level>', 'of VaR and ES (default: 0.99)', number)
    .option('--horizon-days <days>', 'of VaR and ES (default: 1)', wholeNumber(1))
    .option('--scenario <name>', 'of stressed-loss (default: the worst)')
    .option('--window-ms <ms>', 'of order-rate and turnover', wholeNumber(1))
    .option('--reference <volatility>', 'let the threshold follow volatility: this one leaves it as it is', number)
    .option('--minimum <number>', 'smallest threshold then', number)
    .option('--maximum <number>', 'largest threshold then', number)
    .option('--off', 'keep it, but do not watch it')
    .option('--reason <text>', 'why')
    .action(
      action(async (limitId: string, flags: Record<string, unknown>) => {
        const { portfolio: portfolioId, ofEquity, off, ...rest } = flags;
        const input = {
          ...rest,
          portfolioId,
          limitId,
          relativeTo: ofEquity ? 'EQUITY' : 'NONE',
          adjustment: rest.reference === undefined ? 'NONE' : 'VOLATILITY',
          enabled: !off,
        };
        await askApi(SET, { input });
        printLine(`${limitId} of ${portfolioId} is set`);
        return 0;
      }),
    );

const removeCommand = (): Command =>
  new Command('remove')
    .description('take a limit away')
    .argument('<limitId>', 'id within the portfolio')
    .addOption(portfolio())
    .action(
      action(async (limitId: string, flags: { portfolio: string }) => {
        const limits = await listed(flags.portfolio);
        if (!limits.some((limit) => limit.limitId === limitId)) {
          const names = limits.map((limit) => limit.limitId);
          const hint = closest(limitId, names) || `: there are ${names.join(', ') || 'none'}`;
          throw new TidemarkError('LIMIT_UNKNOWN', `${flags.portfolio} has no limit "${limitId}"${hint}`);
        }
        await askApi(REMOVE, { id: flags.portfolio, limitId });
        printLine(`${limitId} of ${flags.portfolio} is taken away`);
        return 0;
      }),
    );

export const limitsCommand = (): Command =>
  new Command('limits')
    .description('limits of portfolios: list, set, remove')
    .addCommand(listCommand())
    .addCommand(typesCommand())
    .addCommand(setCommand())
    .addCommand(removeCommand());

export const switchCommand = (): Command =>
  new Command('switch')
    .description('the kill switch: halt orders, let them only reduce positions, or let them go again')
    .argument('<state>', 'halted, reducing or active')
    .option('--portfolio <id>', 'one portfolio (default: all of them)')
    .addOption(by())
    .requiredOption('--reason <text>', 'why')
    .action(
      action(async (state: string, flags: { portfolio?: string; by: string; reason: string }) => {
        const { portfolio: id = null, by: who, reason } = flags;
        if (id !== null) await listed(id);
        await askApi(SWITCH, { id, state: state.toUpperCase(), reason, by: who });
        printLine(`${id === null ? 'All portfolios are' : `${id} is`} ${state.toLowerCase()} now`);
        return 0;
      }),
    );
