import { useState } from 'react';
import { CommandForm } from './command-form.tsx';
import { SET_SWITCH, type SwitchRow } from './limits-api.ts';

const STATES = [
  ['HALTED', 'Halt', 'No order passes'],
  ['REDUCING', 'Reduce only', 'Only orders that make a position smaller pass'],
  ['ACTIVE', 'Let orders go', 'Orders are checked as usual'],
] as const;

interface KillSwitchProps {
  readonly switches: readonly SwitchRow[];
  readonly portfolioId: string;
}

/** Halts the orders of a portfolio or of all, and lets them go again. */
export function KillSwitch({ switches, portfolioId }: KillSwitchProps) {
  const [wanted, setWanted] = useState<(typeof STATES)[number] | null>(null);
  const said = switches.filter(
    ({ portfolioId: id, state }) => (id === null || id === portfolioId) && state !== 'ACTIVE',
  );
  return (
    <div className="kill-switch">
      {said.map((one) => (
        <p key={one.portfolioId ?? ''} className="problem" role="status">
          {one.portfolioId === null ? 'All portfolios are' : 'This portfolio is'} {one.state.toLowerCase()}:{' '}
          {one.reason} ({one.setBy})
        </p>
      ))}
      {wanted ? (
        <CommandForm
          label={wanted[1]}
          done={() => setWanted(null)}
          send={(form, by, reason) => ({
            mutation: SET_SWITCH,
            variables: { id: form.get('all') === null ? portfolioId : null, state: wanted[0], reason, by },
          })}
        >
          <label>
            <input name="all" type="checkbox" /> all portfolios
          </label>
        </CommandForm>
      ) : (
        <p className="choices">
          {STATES.map((state) => (
            <button key={state[0]} type="button" title={state[2]} onClick={() => setWanted(state)}>
              {state[1]} …
            </button>
          ))}
        </p>
      )}
    </div>
  );
}
