import { useState } from 'react';
import { live } from './live.ts';

/** Who uses the page: asked for once, kept in this browser. */
const WHO = 'tidemark.who';

interface CommandFormProps {
  readonly children?: React.ReactNode;
  readonly label: string;
  /** Variables of the mutation, from the form's fields. Who and why are added. */
  readonly send: (
    form: FormData,
    by: string,
    reason: string,
  ) => { readonly mutation: string; readonly variables: object };
  readonly done: () => void;
}

/** A form that changes something: with who and why, which the audit trail keeps, and what the server says is wrong. */
export function CommandForm({ children, label, send, done }: CommandFormProps) {
  const [problem, setProblem] = useState<string | null>(null);
  const [isSending, setSending] = useState(false);
  const submit = async (event: React.FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const by = String(form.get('by'));
    const { mutation, variables } = send(form, by, String(form.get('reason')));
    setSending(true);
    setProblem(null);
    try {
      localStorage.setItem(WHO, by);
      await live.command(mutation, { ...variables });
      done();
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
    } finally {
      setSending(false);
    }
  };
  return (
    <form className="command" onSubmit={(event) => void submit(event)} aria-label={label}>
      {children}
      <label>
        Your name <input name="by" required maxLength={100} defaultValue={localStorage.getItem(WHO) ?? ''} />
      </label>
      <label>
        Reason <input name="reason" required maxLength={300} />
      </label>
      <button type="submit" disabled={isSending}>
        {label}
      </button>
      <button type="button" onClick={done}>
        Cancel
      </button>
      {problem && (
        <p className="problem" role="alert">
          {problem}
        </p>
      )}
    </form>
  );
}
