import { CommandForm } from './command-form.tsx';
import { type LimitRow, SET_LIMIT } from './limits-api.ts';

interface ThresholdFormProps {
  readonly limit: LimitRow;
  readonly portfolioId: string;
  readonly done: () => void;
}

/** Sets a limit's threshold, and whether it is watched; all else stays. */
export function ThresholdForm({ limit: { limitId, definition }, portfolioId, done }: ThresholdFormProps) {
  const { setBy: _setBy, threshold, enabled, relativeTo, ...rest } = definition;
  return (
    <CommandForm
      label="Set limit"
      done={done}
      send={(form, by, reason) => ({
        mutation: SET_LIMIT,
        variables: {
          input: {
            ...rest,
            portfolioId,
            limitId,
            relativeTo,
            threshold: Number(form.get('threshold')),
            enabled: form.get('enabled') !== null,
            by,
            reason,
          },
        },
      })}
    >
      <label>
        {relativeTo === 'EQUITY' ? 'Threshold, fraction of equity' : 'Threshold'}{' '}
        <input name="threshold" type="number" step="any" min="0" required defaultValue={threshold} />
      </label>
      <label>
        <input name="enabled" type="checkbox" defaultChecked={enabled} /> watched
      </label>
    </CommandForm>
  );
}
