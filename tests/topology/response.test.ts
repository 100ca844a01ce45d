import { describe, expect, it } from 'vitest';
import { describeTopology } from '#streams/topology/describe.ts';
import { response } from '#topologies/response/graph.ts';
import {
  breach,
  HOUR,
  HOUR_MS,
  MINUTE,
  OPEN,
  override,
  ResponseDesk,
  SECOND,
  said,
  step,
  workflow,
} from './response-desk.ts';

const ESCALATING = workflow('hard', [
  step('tell', 'NOTIFY'),
  step('further', 'ESCALATE', { afterMs: HOUR_MS, onlyIfUnacknowledged: true }),
]);
const HALTING = workflow('stop', [step('halt', 'HALT')]);

describe('response', () => {
  it('is the graph that its golden description shows', async () => {
    await expect(describeTopology(response())).toMatchFileSnapshot('../golden/response.topology.txt');
  });

  it('tells of an incident by the words of the workflow', () => {
    const text = '{limitId} of {portfolio}: {value} of {threshold} = {utilisation} {level} {evidence} {type}';
    const tell = step('tell', 'NOTIFY', { channel: 'EMAIL', target: 'a@b.example', subject: '{workflow}\n!', text });
    const desk = new ResponseDesk().workflow(workflow('mail', [tell])).breach();
    const [action, ...rest] = desk.actions();
    expect(rest).toEqual([]);
    expect(action).toMatchObject({
      actionId: 'fund/gross/1/mail/tell',
      kind: 'NOTIFY',
      status: 'PENDING',
      channel: 'EMAIL',
      target: 'a@b.example',
      subject: 'Workflow mail !',
      body: 'gross of fund: 8500 of 8000 = 106.25 % BREACH equity: 10000 gross-exposure',
      eventTime: OPEN,
      evidence: [{ name: 'equity', value: 10_000 }],
      sourceTopic: 'risk.breaches',
      sourceEventTime: OPEN,
    });
  });

  it('has plain words of its own, and says what is not known', () => {
    const desk = new ResponseDesk().workflow(ESCALATING);
    desk.breach(breach({ level: 'NO_DATA', value: null, utilisation: null, reason: 'there is no price of XOM' }));
    const [action] = desk.actions();
    expect(action!.subject).toBe('HARD limit gross of fund: NO_DATA');
    expect(action!.body).toContain('gross (gross-exposure) of fund is at unknown, unknown of its limit 8000.');
    expect(action!.body).toContain('missing: there is no price of XOM');
  });

  it.each([
    ['all', {}, ['fund/gross/1', 'fund/var/1', 'other/gross/1']],
    ['portfolios', { portfolios: ['other'] }, ['other/gross/1']],
    ['severities', { severities: ['SOFT'] }, ['fund/var/1']],
    ['levels', { levels: ['WARNING'] }, ['fund/var/1']],
    ['types', { limitTypes: ['value-at-risk'] }, ['fund/var/1']],
    ['none while it is off', { enabled: false }, []],
  ] as const)('answers by %s', (_, rest, expected) => {
    const desk = new ResponseDesk().workflow(workflow('one', [step('tell', 'NOTIFY')], rest));
    desk.breach();
    desk.breach(
      breach({ breachId: 'fund/var/1', limitId: 'var', type: 'value-at-risk', severity: 'SOFT', level: 'WARNING' }),
    );
    desk.breach(breach({ portfolio: 'other', breachId: 'other/gross/1' }));
    expect(
      desk
        .actions()
        .map(({ breachId }) => breachId)
        .sort(),
    ).toEqual(expected);
  });

  it('escalates by the event time of the portfolio, at the time at which it was due', () => {
    const desk = new ResponseDesk().workflow(ESCALATING).breach();
    expect(desk.done()).toEqual([['NOTIFY', 0]]);
    desk.time(OPEN + HOUR - 1);
    expect(desk.done()).toEqual([]);
    desk.time(OPEN + 5 * HOUR).time(OPEN + 6 * HOUR);
    expect(desk.done()).toEqual([['ESCALATE', 60]]);
  });

  it('escalates for a portfolio that is silent while the others of its partition go on', () => {
    const desk = new ResponseDesk().workflow(ESCALATING);
    const silent = murmurTwin('fund');
    desk.breach();
    desk.actions();
    desk.time(OPEN + HOUR + SECOND, silent).time(OPEN + HOUR + 3 * SECOND, silent);
    expect(desk.done()).toEqual([['ESCALATE', 60]]);
  });

  it('escalates by the clock where event time stands still, and only there', () => {
    const desk = new ResponseDesk().workflow(ESCALATING).breach().clock(5_000);
    desk.actions();
    desk.clock(HOUR_MS - 10_000);
    expect(desk.actions()).toEqual([]);
    // It moved since the clock was looked at last: the market is there.
    desk.time(OPEN + SECOND).clock(10_000);
    expect(desk.actions()).toEqual([]);
    desk.clock(5_000);
    const [action, ...rest] = desk.actions();
    expect(rest).toEqual([]);
    expect(action).toMatchObject({ kind: 'ESCALATE', eventTime: OPEN + HOUR });
    expect(action!.reason).toContain('by the clock');
    desk
      .time(OPEN + 2 * HOUR)
      .clock(2 * HOUR_MS)
      .clock(5_000);
    expect(desk.actions()).toEqual([]);
  });

  it('has no escalation after an acknowledgement, nor after the end', () => {
    const answered = new ResponseDesk()
      .workflow(ESCALATING)
      .breach()
      .say(said())
      .time(OPEN + 2 * HOUR);
    expect(answered.done()).toEqual([
      ['NOTIFY', 0],
      ['ACKNOWLEDGED', 10],
    ]);
    const over = new ResponseDesk()
      .workflow(ESCALATING)
      .breach()
      .close(OPEN + MINUTE)
      .time(OPEN + 2 * HOUR);
    expect(
      over
        .clock(5_000)
        .clock(2 * HOUR_MS)
        .clock(5_000)
        .done(),
    ).toEqual([['NOTIFY', 0]]);
  });

  it('escalates when the answer came too late, and takes one of the very moment', () => {
    const late = new ResponseDesk()
      .workflow(ESCALATING)
      .breach()
      .say(said({ eventTime: OPEN + 2 * HOUR }));
    expect(late.done()).toEqual([
      ['NOTIFY', 0],
      ['ESCALATE', 60],
      ['ACKNOWLEDGED', 120],
    ]);
    const just = new ResponseDesk()
      .workflow(ESCALATING)
      .breach()
      .say(said({ eventTime: OPEN + HOUR }));
    expect(just.time(OPEN + 2 * HOUR).done()).toEqual([
      ['NOTIFY', 0],
      ['ACKNOWLEDGED', 60],
    ]);
  });

  it('takes an incident up when it gets to a level that is answered, and counts from there', () => {
    const only = workflow('breaches', ESCALATING.steps, { levels: ['BREACH'] });
    const desk = new ResponseDesk()
      .workflow(only)
      .breach(breach({ level: 'WARNING' }))
      .time(OPEN + 2 * HOUR);
    expect(desk.done()).toEqual([]);
    const change = (minutes: number, level: 'WARNING' | 'BREACH') =>
      desk.breach(breach({ event: 'CHANGED', level, eventTime: OPEN + minutes * MINUTE }));
    change(180, 'BREACH');
    expect(desk.done()).toEqual([['NOTIFY', 180]]);
    // Back at a warning it waits.
    change(200, 'WARNING').time(OPEN + 10 * HOUR);
    expect(desk.done()).toEqual([]);
    change(700, 'BREACH');
    expect(desk.done()).toEqual([['ESCALATE', 700]]);
  });

  it('halts and reduces, with the incident and the audit trail', () => {
    const steps = [
      step('less', 'REDUCE', { text: 'Only out of {portfolio}' }),
      step('halt', 'HALT', { afterMs: 60_000 }),
    ];
    const desk = new ResponseDesk()
      .workflow(workflow('stop', steps))
      .breach()
      .time(OPEN + HOUR);
    expect(desk.controls()).toEqual([
      {
        eventTime: OPEN,
        portfolio: 'fund',
        state: 'REDUCING',
        setBy: 'response:stop',
        reason: 'Only out of fund',
        breachId: 'fund/gross/1',
      },
      expect.objectContaining({ eventTime: OPEN + MINUTE, state: 'HALTED', breachId: 'fund/gross/1' }),
    ]);
    expect(desk.done()).toEqual([
      ['REDUCE', 0],
      ['HALT', 1],
    ]);
    expect(desk.audit().map(({ subject, subjectId, action, before }) => [subject, subjectId, action, before])).toEqual([
      ['CONTROL', 'fund/gross/1', 'REDUCE', '{"state":"ACTIVE"}'],
      ['CONTROL', 'fund/gross/1', 'HALT', '{"state":"REDUCING"}'],
    ]);
  });

  it('leaves the switch where it is when the incident ends', () => {
    const desk = new ResponseDesk()
      .workflow(HALTING)
      .breach()
      .close(OPEN + MINUTE);
    desk
      .time(OPEN + 100 * HOUR)
      .clock(5_000)
      .clock(1e9)
      .clock(5_000);
    expect(desk.controls().map(({ state }) => state)).toEqual(['HALTED']);
  });

  it('lifts by an override, holds steps until it ends, and then sets the switch again while the incident lasts', () => {
    const later = step('further', 'ESCALATE', { afterMs: HOUR_MS });
    const desk = new ResponseDesk().workflow(workflow('stop', [step('halt', 'HALT'), later])).breach();
    desk.say(override(OPEN + 3 * HOUR)).time(OPEN + 3 * HOUR - 1);
    expect(desk.done()).toEqual([
      ['HALT', 0],
      ['OVERRIDDEN', 10],
      ['RESUMED', 10],
    ]);
    expect(desk.controls().map(({ state, setBy, reason }) => [state, setBy, reason])).toEqual([
      ['HALTED', 'response:stop', 'HARD limit gross of fund: BREACH, 8500 against 8000'],
      ['ACTIVE', 'response:override', 'Override by anna: hedged elsewhere'],
    ]);
    expect(desk.audit().map(({ action }) => action)).toEqual(['HALT', 'OVERRIDE', 'RESUME']);
    desk.time(OPEN + 3 * HOUR);
    const again = desk.actions();
    expect(again.map(({ actionId, kind }) => [actionId, kind])).toEqual([
      ['fund/gross/1/stop/halt/2', 'HALT'],
      ['fund/gross/1/stop/further', 'ESCALATE'],
    ]);
    expect(desk.controls().map(({ state }) => state)).toEqual(['HALTED']);
  });

  it('sets again what an override has lifted, of a step for what nobody has answered too', () => {
    const steps = [step('halt', 'HALT', { afterMs: 60_000, onlyIfUnacknowledged: true })];
    const desk = new ResponseDesk()
      .workflow(workflow('stop', steps))
      .breach()
      .say(override(OPEN + HOUR));
    expect(desk.time(OPEN + 2 * HOUR).done()).toEqual([
      ['HALT', 1],
      ['OVERRIDDEN', 10],
      ['RESUMED', 10],
      ['HALT', 60],
    ]);
  });

  it('counts an override by the clock too, where event time stands still', () => {
    const desk = new ResponseDesk()
      .workflow(HALTING)
      .breach()
      .say(override(OPEN + 10 * MINUTE + HOUR));
    desk.actions();
    desk.clock(5_000).clock(HOUR_MS - 10_000);
    expect(desk.actions()).toEqual([]);
    desk.clock(10_000);
    expect(desk.done()).toEqual([['HALT', 70]]);
  });

  it('lifts what an incident that is over has left', () => {
    const desk = new ResponseDesk()
      .workflow(HALTING)
      .breach()
      .close(OPEN + MINUTE);
    desk.say(override(OPEN + HOUR)).time(OPEN + 2 * HOUR);
    expect(desk.controls().map(({ state }) => state)).toEqual(['HALTED', 'ACTIVE']);
    expect(desk.done()).toEqual([
      ['HALT', 0],
      ['OVERRIDDEN', 10],
      ['RESUMED', 10],
    ]);
  });

  it('goes back to what another incident or a person wants, and no further', () => {
    const desk = new ResponseDesk()
      .control('REDUCING', OPEN - HOUR)
      .workflow(HALTING)
      .breach();
    desk.breach(breach({ breachId: 'fund/var/1', limitId: 'var', eventTime: OPEN + SECOND }));
    expect(desk.controls().map(({ state }) => state)).toEqual(['HALTED']);
    desk.say(override(OPEN + 9 * HOUR));
    expect(desk.controls()).toEqual([]);
    desk.say(override(OPEN + 9 * HOUR, { acknowledgementId: 'o-2', breachId: 'fund/var/1' }));
    expect(desk.controls().map(({ state }) => state)).toEqual(['REDUCING']);
    expect(desk.actions().map(({ kind, status }) => [kind, status])).toEqual([
      ['HALT', 'DONE'],
      ['HALT', 'UNCHANGED'],
      ['OVERRIDDEN', 'DONE'],
      ['RESUMED', 'UNCHANGED'],
      ['OVERRIDDEN', 'DONE'],
      ['RESUMED', 'DONE'],
    ]);
  });

  it('does not undo a halt by hand, neither by a milder step nor by an override', () => {
    const desk = new ResponseDesk().control('HALTED', OPEN - HOUR);
    desk
      .workflow(workflow('less', [step('less', 'REDUCE')]))
      .breach()
      .say(override(OPEN + HOUR));
    expect(desk.controls()).toEqual([]);
    const taken = new ResponseDesk().workflow(HALTING).breach();
    expect(taken.controls()).toHaveLength(1);
    // By hand afterwards, at the very time of the step: it is the person's now.
    taken.control('HALTED', OPEN).say(override(OPEN + HOUR));
    expect(taken.controls()).toEqual([]);
    expect(taken.done().map(([kind]) => kind)).toEqual(['HALT', 'OVERRIDDEN']);
  });

  it('is a millisecond behind what a person sets at the same time, so that neither hides the other', () => {
    const desk = new ResponseDesk().control('REDUCING', OPEN).workflow(HALTING).breach();
    expect(desk.controls()).toMatchObject([{ state: 'HALTED', eventTime: OPEN + 1_000 }]);
    desk.say(override(OPEN + HOUR));
    expect(desk.controls()).toMatchObject([{ state: 'REDUCING' }]);
  });

  it('reads what a person has set past its own, as a replay finds it', () => {
    const desk = new ResponseDesk().control('REDUCING', OPEN - HOUR).workflow(HALTING);
    const first = { eventTime: OPEN, portfolio: 'fund', state: 'HALTED', setBy: 'response:stop', reason: 'x' };
    desk.send('risk.controls', 'fund', { ...first, breachId: 'fund/gross/1' }, OPEN).breach();
    expect(desk.controls()).toMatchObject([{ state: 'HALTED' }]);
    desk.say(override(OPEN + HOUR));
    expect(desk.controls()).toMatchObject([{ state: 'REDUCING' }]);
  });

  it('leaves what a person has let go again', () => {
    const desk = new ResponseDesk().workflow(HALTING).breach();
    desk.controls();
    desk.control('ACTIVE', OPEN + MINUTE).breach(breach({ event: 'WORSENED', utilisation: 2, eventTime: OPEN + HOUR }));
    desk.time(OPEN + 9 * HOUR);
    expect(desk.controls()).toEqual([]);
  });

  it('keeps an incident that is over for as long as it holds the switch, and no longer', () => {
    const desk = new ResponseDesk()
      .workflow(HALTING)
      .breach()
      .close(OPEN + MINUTE);
    const kept = () => [0, 1, 2, 3].flatMap((place) => [...desk.driver.store('incidents', place).entries()]).length;
    expect(kept()).toBe(1);
    desk.controls();
    desk.control('ACTIVE', OPEN + 2 * MINUTE);
    desk.breach(breach({ breachId: 'fund/gross/2', eventTime: OPEN + HOUR, openedAt: OPEN + HOUR }));
    expect(kept()).toBe(1);
    expect(desk.controls().map(({ state, breachId }) => [state, breachId])).toEqual([['HALTED', 'fund/gross/2']]);
  });

  it('counts what is delivered twice once', () => {
    const desk = new ResponseDesk().workflow(HALTING).workflow(HALTING).workflow(ESCALATING);
    const changed = breach({ event: 'WORSENED', utilisation: 1.2, eventTime: OPEN + SECOND });
    const all = () =>
      desk
        .breach()
        .breach(changed)
        .say(said())
        .say(override(OPEN + HOUR))
        .close(OPEN + 2 * HOUR);
    all();
    const first = desk.actions();
    expect(desk.controls()).toHaveLength(3);
    all();
    expect(desk.actions()).toEqual([]);
    expect(desk.controls()).toEqual([]);
    expect(new Set(first.map(({ actionId }) => actionId)).size).toBe(first.length);
    expect(desk.rejections()).toEqual([]);
  });

  it('forgets with a transaction that is aborted, and does it again the same', () => {
    const desk = new ResponseDesk().workflow(ESCALATING).workflow(HALTING).commit().breach();
    const first = desk.actions();
    desk.driver.abort();
    desk.breach();
    expect(desk.actions()).toEqual(first);
    desk.commit().driver.abort();
    desk.time(OPEN + HOUR);
    expect(desk.done()).toEqual([['ESCALATE', 60]]);
    desk.commit().driver.abort();
    desk
      .time(OPEN + 2 * HOUR)
      .clock(5_000)
      .clock(HOUR_MS)
      .clock(5_000);
    expect(desk.done()).toEqual([]);
  });

  it('obeys workflows as they are: changed, switched off, taken away', () => {
    const desk = new ResponseDesk().workflow(ESCALATING).breach();
    desk.workflow({ ...ESCALATING, enabled: false, eventTime: OPEN }).time(OPEN + 2 * HOUR);
    expect(desk.done()).toEqual([['NOTIFY', 0]]);
    const more = [...ESCALATING.steps, step('halt', 'HALT', { afterMs: 1_000 })];
    desk.workflow({ ...ESCALATING, steps: more, eventTime: OPEN + 2 * HOUR }).time(OPEN + 3 * HOUR);
    expect(desk.done()).toEqual([
      ['ESCALATE', 120],
      ['HALT', 120],
    ]);
    const gone = new ResponseDesk()
      .workflow(ESCALATING)
      .breach()
      .removeWorkflow('hard')
      .time(OPEN + 2 * HOUR);
    expect(gone.done()).toEqual([['NOTIFY', 0]]);
    expect(gone.rejections()).toEqual([]);
  });

  it('sets definitions aside that it cannot follow, each with a sentence', () => {
    const desk = new ResponseDesk();
    const refuse = (value: ReturnType<typeof workflow>, keys?: readonly string[]) => {
      desk.workflow(value, keys ?? [`0/${value.workflowId}`]);
      return desk.rejections()[0];
    };
    const one = (rest: Parameters<typeof step>[2], kind: Parameters<typeof step>[1] = 'NOTIFY') =>
      refuse(workflow('w', [step('s', kind, rest)]));
    expect(refuse(workflow('w', []))).toEqual(['WORKFLOW_INVALID', 'Workflow w: it has 0 steps, not 1 to 50']);
    expect(refuse(ESCALATING, ['0/other'])![0]).toBe('KEY_MISMATCH');
    expect(refuse(ESCALATING, ['hard'])![0]).toBe('KEY_MISMATCH');
    expect(refuse(workflow('a/b', ESCALATING.steps), ['0/a/b'])![0]).toBe('ID_INVALID');
    expect(refuse(workflow('w', [step('s', 'HALT'), step('s', 'HALT')]))![1]).toContain('two of its steps');
    expect(refuse(workflow('w', [step('s', 'HALT')], { limitTypes: ['vibes'] }))![1]).toContain('"vibes"');
    expect(refuse(workflow('w', [step('s', 'HALT')], { name: ' ' }))![1]).toContain('a name');
    expect(one({ afterMs: -1 })![1]).toContain('afterMs -1');
    expect(one({ channel: 'EMAIL' }, 'HALT')![1]).toContain('no channel');
    expect(one({ channel: null })![1]).toContain('needs a channel');
    expect(one({ text: '{price}' })![1]).toContain('there is no {price}');
    expect(one({ text: ' ' })![1]).toContain('empty');
    expect(one({ channel: 'EMAIL', target: 'a@b.example, nobody' })![1]).toContain('"nobody" is not an e-mail address');
    expect(one({ channel: 'WEBHOOK', target: 'file:///etc/passwd' })![1]).toContain('http or https');
    expect(one({ channel: 'WEBHOOK', target: 'https://u:secret@h.example' })![1]).not.toContain('secret');
    expect(one({ channel: 'WEBHOOK', target: 'nowhere' })![1]).toContain('not a URL');
    expect(one({ target: 'orders.fills' })![1]).toContain('take one of your own');
    expect(one({ target: 'my.changelog' })![1]).toContain('take one of your own');
    expect(one({ target: 'no topic' })![1]).toContain('not the name of a topic');
    desk.breach();
    expect(desk.actions()).toEqual([]);
  });

  it('sets words aside that mean nothing', () => {
    const desk = new ResponseDesk().breach();
    const refuse = (value: ReturnType<typeof said>) => desk.say(value).rejections()[0];
    expect(refuse(said({ breachId: 'fund/gross/2' }))).toEqual([
      'BREACH_UNKNOWN',
      'There is no incident "fund/gross/2" of fund',
    ]);
    expect(refuse(said({ reason: ' ' }))![0]).toBe('ACKNOWLEDGEMENT_INVALID');
    expect(refuse(said({ until: OPEN + HOUR }))![1]).toContain('has no until');
    expect(refuse(override(OPEN))![1]).toContain('needs an until after its own time');
    expect(refuse(said({ portfolio: 'other' }))![0]).toBe('BREACH_UNKNOWN');
    expect(desk.actions()).toEqual([]);
  });
});

/** Another portfolio of the same partition. */
function murmurTwin(portfolio: string): string {
  const desk = new ResponseDesk();
  const place = (name: string) => {
    desk.breach(breach({ portfolio: name, breachId: `${name}/gross/1` }));
    return [0, 1, 2, 3].find((partition) => desk.driver.store('incidents', partition).get(`${name}/gross/1`));
  };
  const home = place(portfolio);
  for (let index = 0; ; index++) if (place(`p${index}`) === home) return `p${index}`;
}
