import fc from 'fast-check';
import { describeHistory, type History, type Propagation, type Step } from './history.js';

/** Where steps stand, and so what can be asked of them. */
interface Place {
  /** Units may be opened by `uow`, which looks for the unit around; otherwise only by the unit at hand. */
  readonly viaUow: boolean;
  /** Whether there is a unit. */
  readonly inUnit: boolean;
  /** Branches side by side share a transaction: nothing that ends or aborts it for the others. */
  readonly calm: boolean;
  readonly depth: number;
}

const propagations: readonly Propagation[] = [
  'nested',
  'required',
  'requires_new',
  'mandatory',
  'supports',
  'not_supported',
  'never',
];
const joining: readonly Propagation[] = ['required', 'mandatory', 'supports'];
const pick = fc.nat(7);

const create = fc.record({
  do: fc.constant('create' as const),
  row: fc.oneof(
    { weight: 8, arbitrary: fc.constant('good' as const) },
    { weight: 1, arbitrary: fc.constantFrom('bad' as const, 'late' as const) },
  ),
});
const goodCreate = fc.record({ do: fc.constant('create' as const), row: fc.constant('good' as const) });
const change = fc.record({
  do: fc.constant('change' as const),
  pick,
  how: fc.constantFrom('key' as const, 'entity' as const, 'set' as const),
});
const remove = fc.record({ do: fc.constant('delete' as const), pick });
const read = fc.record({ do: fc.constant('read' as const), how: fc.constantFrom('list' as const, 'count' as const) });
const hook = fc.record({
  do: fc.constant('hook' as const),
  on: fc.constantFrom('commit' as const, 'rollback' as const),
  throws: fc.oneof({ weight: 4, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
});
const only = <Name extends string>(name: Name) => fc.record({ do: fc.constant(name) });
const conflict = fc.record({ do: fc.constant('conflict' as const), times: fc.integer({ min: 1, max: 3 }) });
const pause = fc.record({ do: fc.constant('pause' as const), turns: fc.integer({ min: 1, max: 40 }) });
const caught = fc.boolean();

function stepsAt(place: Place, maxLength: number): fc.Arbitrary<readonly Step[]> {
  const one = stepAt(place).map((step) => [step]);
  const some = fc.oneof(
    { weight: 8, arbitrary: one },
    ...(place.depth > 0 ? [{ weight: 1, arbitrary: undone(place) }] : []),
    ...(place.inUnit && place.depth > 0 ? [{ weight: 1, arbitrary: beside(place) }] : []),
  );
  return fc.array(some, { maxLength, size: 'max' }).map((steps) => steps.flat());
}

/** And inner units side by side, beside what the outer unit itself does, some of which fail. */
function beside(place: Place): fc.Arbitrary<Step[]> {
  const steps = fc.array(fc.oneof(goodCreate, change, read, only('flush')), { minLength: 1, maxLength: 3 });
  const inner = fc.tuple(steps, fc.boolean(), fc.boolean()).map(([drawn, fails, byUow]) => ({
    do: 'unit',
    propagation: 'nested',
    via: place.viaUow && byUow ? 'uow' : 'u',
    form: 'run',
    attempts: 1,
    steps: [...drawn, ...(fails ? [{ do: 'throw' }] : [])].map((step) => ({ ...step, caught: false })),
    caught: true,
  }));
  const own = fc.oneof(goodCreate, change, read, pause, pause).map((step) => ({ ...step, caught: true }));
  const branch = fc.array(fc.oneof(inner, own), { minLength: 1, maxLength: 3 });
  return fc
    .array(branch, { minLength: 2, maxLength: 3 })
    .map((branches) => [{ do: 'parallel', together: 'allSettled', branches, caught: false }] as Step[]);
}

/** What chance brings together too seldom: an inner unit that changes what the outer one holds, and is undone. */
function undone(place: Place): fc.Arbitrary<Step[]> {
  const changes = fc.array(fc.oneof(change, remove, goodCreate, hook, only('flush')), { minLength: 1, maxLength: 4 });
  const failure = fc.oneof(only('throw'), ...(place.calm ? [] : [only('break'), only('rollback')]));
  return fc.tuple(changes, failure, fc.constantFrom('nested', 'nested', 'required'), fc.boolean()).map((drawn) => {
    const [steps, end, propagation, byUow] = drawn;
    const unit = {
      do: 'unit',
      propagation: place.calm ? 'nested' : propagation,
      via: !place.inUnit || (place.viaUow && byUow) ? 'uow' : 'u',
      form: 'run',
      attempts: 1,
      steps: [...steps, end].map((step) => ({ ...step, caught: false })),
      caught: true,
    };
    const kept = { do: 'create', row: 'good', caught: false };
    return [kept, unit, { do: 'read', how: 'list', caught: false }] as Step[];
  });
}

function stepAt(place: Place): fc.Arbitrary<Step> {
  const choices: { weight: number; arbitrary: fc.Arbitrary<object> }[] = [
    { weight: 6, arbitrary: place.calm ? goodCreate : create },
    { weight: 4, arbitrary: change },
    { weight: 2, arbitrary: remove },
    { weight: 3, arbitrary: read },
  ];
  if (place.inUnit) {
    choices.push(
      { weight: 2, arbitrary: only('flush') },
      { weight: 1, arbitrary: only('throw') },
      { weight: 3, arbitrary: hook },
      { weight: 1, arbitrary: only('stray') },
      { weight: 1, arbitrary: pause },
    );
    if (!place.calm) {
      choices.push(
        { weight: 1, arbitrary: only('commit') },
        { weight: 1, arbitrary: only('rollback') },
        { weight: 1, arbitrary: only('abort') },
        { weight: 2, arbitrary: only('break') },
        { weight: 1, arbitrary: conflict },
      );
    }
  }
  if (place.depth > 0) {
    choices.push({ weight: place.inUnit ? 6 : 12, arbitrary: unitAt(place) });
    choices.push({ weight: 1, arbitrary: parallelAt(place) });
  }
  return fc.tuple(fc.oneof(...choices), caught).map(([action, isCaught]) => ({ ...action, caught: isCaught }) as Step);
}

function unitAt(place: Place): fc.Arbitrary<object> {
  const form = fc.oneof(
    { weight: 4, arbitrary: fc.constant('run' as const) },
    // what stands beside a unit that only a call by hand can end is refused: not in parallel branches
    ...(place.calm ? [] : [{ weight: 2, arbitrary: fc.constantFrom('commit', 'rollback', 'dispose') }]),
  );
  return fc.tuple(form, fc.constantFrom(...propagations), fc.boolean()).chain(([how, propagation, byUow]) => {
    const via = !place.inUnit || (place.viaUow && byUow) ? 'uow' : 'u';
    const inside: Place = {
      // a unit that was opened by `begin` is around no code
      viaUow: place.viaUow && how === 'run',
      inUnit: true,
      calm: place.calm && joining.includes(propagation),
      depth: place.depth - 1,
    };
    return fc.record({
      do: fc.constant('unit' as const),
      propagation: fc.constant(propagation),
      via: fc.constant(via),
      form: fc.constant(how),
      attempts: fc.oneof({ weight: 3, arbitrary: fc.constant(1) }, { weight: 1, arbitrary: fc.constantFrom(2, 3) }),
      steps: stepsAt(inside, 5),
    });
  });
}

function parallelAt(place: Place): fc.Arbitrary<object> {
  const together = place.inUnit && !place.calm ? fc.constantFrom('all', 'allSettled') : fc.constant('allSettled');
  return together.chain((name) =>
    fc.record({
      do: fc.constant('parallel' as const),
      together: fc.constant(name),
      branches: fc.array(
        stepsAt(
          {
            ...place,
            viaUow: place.viaUow && name === 'allSettled',
            calm: place.inUnit && name === 'allSettled',
            depth: place.depth - 1,
          },
          3,
        ),
        { minLength: 2, maxLength: 3 },
      ),
    }),
  );
}

/** Histories of one or two sessions. */
export const histories: fc.Arbitrary<History> = fc
  .array(stepsAt({ viaUow: true, inUnit: false, calm: false, depth: 3 }, 3), { minLength: 1, maxLength: 2 })
  .map((sessions) => {
    const history = { sessions };
    return Object.defineProperty(history, fc.toStringMethod, { value: () => describeHistory(history) });
  });
