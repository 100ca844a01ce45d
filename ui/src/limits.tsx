import { useState } from 'react';
import { CommandForm } from './command-form.tsx';
import { Figures, Scroll } from './figures.tsx';
import { formatMinute, formatNumber, formatPercent, formatQuantity } from './format.ts';
import { KillSwitch } from './kill-switch.tsx';
import { ACKNOWLEDGE, type BreachRow, type Control, type LimitRow, type SwitchRow } from './limits-api.ts';
import { ThresholdForm } from './limits-form.tsx';
import { useStore } from './store.ts';
import './limits.css';

/** Limits of the selected portfolio, their incidents, the kill switch, and what became of its orders. */
export function LimitsPanel() {
  const control = useStore((state) => state.control);
  const selected = useStore((state) => state.portfolios.find(({ id }) => id === state.selected));
  return (
    <section className="panel limits" aria-labelledby="limits-title">
      <div className="panel-head">
        <h2 id="limits-title">Limits{selected ? ` · ${selected.name}` : ''}</h2>
      </div>
      {control && selected ? (
        <>
          <Summary control={control} portfolioId={selected.id} />
          <KillSwitch switches={control.killSwitch} portfolioId={selected.id} />
          <Limits control={control} portfolioId={selected.id} />
          <div className="limits-grid">
            <Incidents breaches={control.breaches} control={control} />
            <Actions control={control} />
            <Decisions control={control} />
            <Executions control={control} />
          </div>
        </>
      ) : (
        <p className="none">{selected ? 'Loading' : 'No portfolio chosen'}</p>
      )}
    </section>
  );
}

/** The stricter of a portfolio's switch and of that for all. */
export function switchOf(switches: readonly SwitchRow[], portfolioId: string): SwitchRow | null {
  const order = ['ACTIVE', 'REDUCING', 'HALTED'];
  const own = switches.filter((one) => one.portfolioId === null || one.portfolioId === portfolioId);
  return own.sort((a, b) => order.indexOf(b.state) - order.indexOf(a.state))[0] ?? null;
}

function Summary({ control, portfolioId }: { control: Control; portfolioId: string }) {
  const count = (state: string) => control.limits.filter(({ standing }) => standing?.state === state).length;
  return (
    <Figures
      figures={[
        ['Breached', String(count('BREACHED')), 'Limits that are passed'],
        ['Warning', String(count('WARNING')), 'Limits that are nearly reached'],
        ['Not known', String(count('UNKNOWN')), 'Limits without a figure, which is no good news'],
        ['Within', String(count('OK')), 'Limits that are kept'],
        ['Orders', switchOf(control.killSwitch, portfolioId)?.state.toLowerCase() ?? 'active', 'The kill switch'],
      ]}
    />
  );
}

const unitOf = (control: Control, type: string) => control.limitTypes.find(({ name }) => name === type)?.unit ?? '';

function formatFigure(value: number | null, unit: string): string {
  if (value === null) return '–';
  if (unit === 'amount' || unit === 'units' || unit === 'orders') return formatNumber(value, 0);
  if (unit === 'milliseconds') return `${formatNumber(value / 86_400_000, 2)} d`;
  return formatNumber(value, 3);
}

function Limits({ control, portfolioId }: { control: Control; portfolioId: string }) {
  const [edited, setEdited] = useState<string | null>(null);
  return (
    <Scroll label="Limits">
      <table>
        <thead>
          <tr>
            <th scope="col">Limit</th>
            <th scope="col">State</th>
            <th scope="col">Figure</th>
            <th scope="col">Limit in force</th>
            <th scope="col">Utilisation</th>
            <th scope="col">
              <span className="hidden">Change</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {control.limits.map((limit) => (
            <Row
              key={limit.limitId}
              limit={limit}
              control={control}
              portfolioId={portfolioId}
              isEdited={edited === limit.limitId}
              edit={setEdited}
            />
          ))}
          {control.limits.length === 0 && (
            <tr>
              <td colSpan={6} className="none">
                No limits are set: the mutation setLimit of GraphQL does, and so does tidemark limits set
              </td>
            </tr>
          )}
        </tbody>
      </table>
    </Scroll>
  );
}

interface RowProps {
  readonly limit: LimitRow;
  readonly control: Control;
  readonly portfolioId: string;
  readonly isEdited: boolean;
  readonly edit: (limitId: string | null) => void;
}

function Row({ limit, control, portfolioId, isEdited, edit }: RowProps) {
  const { limitId, definition, standing } = limit;
  const unit = unitOf(control, definition.type);
  const doc = control.limitTypes.find(({ name }) => name === definition.type)?.doc ?? definition.type;
  const { state, value, threshold, utilisation, subject, reason } = standing ?? NO_STANDING;
  return (
    <>
      <tr className={state.toLowerCase()}>
        <th scope="row" title={doc}>
          {limitId} <small>{definition.severity.toLowerCase()}</small>
        </th>
        <td>
          {standing || !definition.enabled ? (
            <span className={`zone ${ZONES[state]}`}>{definition.enabled ? state.toLowerCase() : 'off'}</span>
          ) : (
            <small title="Checked with each order, or not looked at yet">per order</small>
          )}
        </td>
        <td title={reason ?? undefined}>
          {formatFigure(value, unit)}
          {subject && <small> {subject}</small>}
          {reason && <small> {reason}</small>}
        </td>
        <td>{formatFigure(threshold, unit)}</td>
        <td className="utilisation">
          {formatPercent(utilisation, 0)}
          <span style={{ width: `${Math.min(100, (utilisation ?? 0) * 100)}%` }} />
        </td>
        <td>
          <button type="button" aria-expanded={isEdited} onClick={() => edit(isEdited ? null : limitId)}>
            Edit<span className="hidden"> {limitId}</span>
          </button>
        </td>
      </tr>
      {isEdited && (
        <tr>
          <td colSpan={6}>
            <ThresholdForm limit={limit} portfolioId={portfolioId} done={() => edit(null)} />
          </td>
        </tr>
      )}
    </>
  );
}

const NO_STANDING = {
  state: 'UNKNOWN',
  value: null,
  threshold: null,
  utilisation: null,
  subject: null,
  reason: null,
} as const;
const ZONES = { OK: 'green', WARNING: 'yellow', BREACHED: 'red', UNKNOWN: 'yellow' } as const;

function Incidents({ breaches, control }: { breaches: readonly BreachRow[]; control: Control }) {
  const [said, setSaid] = useState<string | null>(null);
  const typeOf = (limitId: string) => control.limits.find((limit) => limit.limitId === limitId)?.definition.type ?? '';
  return (
    <Scroll label="Open incidents">
      <table>
        <caption>Open incidents</caption>
        <thead>
          <tr>
            <th scope="col">Limit</th>
            <th scope="col">Level</th>
            <th scope="col">Figure</th>
            <th scope="col">Since</th>
            <th scope="col">
              <span className="hidden">Acknowledge</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {breaches.map(({ breachId, limitId, level, value, openedAt, reason }) => (
            <tr key={breachId}>
              <th scope="row">{limitId}</th>
              <td title={reason ?? undefined}>{level.toLowerCase().replace('_', ' ')}</td>
              <td>{formatFigure(value, unitOf(control, typeOf(limitId)))}</td>
              <td>{formatMinute(openedAt)}</td>
              <td>
                <button type="button" aria-expanded={said === breachId} onClick={() => setSaid(breachId)}>
                  Acknowledge<span className="hidden"> {limitId}</span>
                </button>
              </td>
            </tr>
          ))}
          {breaches.length === 0 && (
            <tr>
              <td colSpan={5} className="none">
                None
              </td>
            </tr>
          )}
        </tbody>
      </table>
      {said !== null && (
        <CommandForm
          label={`Acknowledge ${said}`}
          done={() => setSaid(null)}
          send={(_form, by, reason) => ({ mutation: ACKNOWLEDGE, variables: { id: said, by, reason } })}
        />
      )}
    </Scroll>
  );
}

function Actions({ control }: { control: Control }) {
  return (
    <Scroll label="What was done about incidents">
      <table>
        <caption>What was done about incidents</caption>
        <thead>
          <tr>
            <th scope="col">Limit</th>
            <th scope="col">Step</th>
            <th scope="col">State</th>
            <th scope="col">Time</th>
          </tr>
        </thead>
        <tbody>
          {control.riskActions.map(({ actionId, limitId, kind, status, channel, by, reason, eventTime }) => (
            <tr key={actionId}>
              <th scope="row">{limitId}</th>
              <td title={reason ?? undefined}>
                {kind.toLowerCase().replace('_', ' ')}
                {channel && <small> {channel.toLowerCase()}</small>}
                {by && <small> {by}</small>}
              </td>
              <td>{status.toLowerCase()}</td>
              <td>{formatMinute(eventTime)}</td>
            </tr>
          ))}
          {control.riskActions.length === 0 && (
            <tr>
              <td colSpan={4} className="none">
                Nothing: no workflow answers what has happened yet
              </td>
            </tr>
          )}
        </tbody>
      </table>
    </Scroll>
  );
}

function Decisions({ control }: { control: Control }) {
  return (
    <Scroll label="Newest orders checked">
      <table>
        <caption>Newest orders checked</caption>
        <thead>
          <tr>
            <th scope="col">Order</th>
            <th scope="col">Decision</th>
            <th scope="col">Asked for</th>
          </tr>
        </thead>
        <tbody>
          {control.orderDecisions.map(({ orderId, decision, reason, side, quantity, instrument, eventTime }) => (
            <tr key={orderId}>
              <th scope="row" title={orderId}>
                {side === 'BUY' ? 'Buy' : 'Sell'} {formatQuantity(quantity)} {instrument}
              </th>
              <td className={decision === 'ACCEPTED' ? undefined : 'down'} title={reason}>
                {decision.toLowerCase()}
              </td>
              <td>{formatMinute(eventTime)}</td>
            </tr>
          ))}
          {control.orderDecisions.length === 0 && (
            <tr>
              <td colSpan={3} className="none">
                No order was asked for yet
              </td>
            </tr>
          )}
        </tbody>
      </table>
    </Scroll>
  );
}

function Executions({ control }: { control: Control }) {
  return (
    <Scroll label="Execution of the newest orders">
      <table>
        <caption>Execution of the newest orders, basis points; positive is a cost</caption>
        <thead>
          <tr>
            <th scope="col">Order</th>
            <th scope="col">Filled</th>
            <th scope="col" title="Average price against the price at arrival">
              Arrival
            </th>
            <th scope="col" title="Average price against the volume-weighted average price meanwhile">
              VWAP
            </th>
            <th scope="col" title="Implementation shortfall: delay, trading, opportunity, fees">
              Shortfall
            </th>
          </tr>
        </thead>
        <tbody>
          {control.executionQuality.map((order) => (
            <tr key={order.orderId}>
              <th scope="row" title={order.orderId}>
                {order.side === 'BUY' ? 'Buy' : 'Sell'} {formatQuantity(order.filledQuantity)} {order.instrument}
              </th>
              <td>{formatPercent(order.fillRatio, 0)}</td>
              <td>{formatNumber(order.slippageArrivalBps, 1, true)}</td>
              <td>{formatNumber(order.slippageVwapBps, 1, true)}</td>
              <td>{formatNumber(order.shortfallBps, 1, true)}</td>
            </tr>
          ))}
          {control.executionQuality.length === 0 && (
            <tr>
              <td colSpan={5} className="none">
                No order was filled yet
              </td>
            </tr>
          )}
        </tbody>
      </table>
    </Scroll>
  );
}
