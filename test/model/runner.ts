import { setImmediate } from 'node:timers/promises';
import type { OpenUnitOfWork, UnitOfWorkOptions } from '../../src/index.js';
import { MikroOrmConnectionProxy } from '../../src/index.js';
import { execute } from '../support/execute.js';
import {
  contains,
  type History,
  isIndependent,
  type ParallelStep,
  type Step,
  sharesSession,
  type UnitStep,
} from './history.js';
import { Holdings } from './holdings.js';
import { classify, type Outcome, Thrown } from './outcome.js';
import { Item, ItemRepository, ItemUnitOfWork, rowValue, valueAt, type World } from './world.js';

type Unit = OpenUnitOfWork<{ items: typeof ItemRepository }>;

/** What happened: how each step settled, by its place in the history, and which hooks ran, in order. */
export interface Log {
  readonly outcomes: Map<string, Outcome>;
  readonly hooks: string[][];
}

/** Where steps run. */
interface Scope {
  readonly unit?: Unit;
  /** Whether the unit has no transaction. */
  readonly bare: boolean;
  readonly items: ItemRepository;
  readonly abort?: AbortController;
  /** Rows with this beginning are nobody else's at the moment. */
  readonly reads: string;
  readonly holdings: Holdings<Item>;
  /** What goes on though nobody in the history waits for it. */
  readonly strays: Promise<unknown>[];
  readonly hooks: string[];
}

/** Runs a history against the library. */
export class Runner {
  readonly log: Log = { outcomes: new Map(), hooks: [] };
  readonly #world: World;
  readonly #uow: ItemUnitOfWork;
  readonly #conflicts = new Map<string, number>();

  constructor(world: World) {
    this.#world = world;
    this.#uow = new ItemUnitOfWork(world.engineFactory);
  }

  async run({ sessions }: History): Promise<Log> {
    const running = sessions.map(async (steps, index) => {
      const path = `s${index}`;
      const hooks: string[] = [];
      this.log.hooks.push(hooks);
      const scope: Scope = {
        bare: false,
        items: this.#standalone(),
        reads: path,
        holdings: new Holdings(),
        strays: [],
        hooks,
      };
      await this.#settle(this.#steps(steps, scope, path));
      await settled(scope.strays);
    });
    await Promise.all(running);
    return this.log;
  }

  #standalone(): ItemRepository {
    return new ItemRepository(new MikroOrmConnectionProxy(this.#world.engineFactory));
  }

  async #steps(steps: readonly Step[], scope: Scope, path: string): Promise<void> {
    for (const [index, step] of steps.entries()) {
      const place = `${path}.${index}`;
      try {
        const read = await this.#perform(step, scope, place);
        this.log.outcomes.set(place, { result: 'ok', ...(read === undefined ? {} : { read }) });
      } catch (error) {
        this.log.outcomes.set(place, { result: classify(error), error });
        if (!step.caught) {
          throw error;
        }
      }
    }
  }

  async #perform(step: Step, scope: Scope, place: string): Promise<Outcome['read']> {
    const { unit, items, holdings, reads } = scope;
    switch (step.do) {
      case 'create': {
        holdings.keys.push(place);
        const value = rowValue(scope.bare ? 'good' : step.row, place);
        holdings.held.set(place, await items.create({ id: place, value }));
        return undefined;
      }
      case 'change':
        return this.#change(step, scope, valueAt(place));
      case 'delete': {
        const key = holdings.pick(step.pick);
        if (key !== undefined) {
          holdings.held.delete(key);
          await items.delete(key);
        }
        return undefined;
      }
      case 'read': {
        const filter = { id: { $like: `${reads}.%` } };
        return step.how === 'count'
          ? items.count(filter)
          : new Map((await items.list(filter)).map(({ id, value }) => [id, value]));
      }
      case 'flush':
        await unit?.flush();
        return undefined;
      case 'commit':
        await unit?.commit();
        return undefined;
      case 'rollback':
        await unit?.rollback();
        return undefined;
      case 'throw':
        throw new Thrown('app', place);
      case 'abort':
        scope.abort?.abort(new Thrown('abort', place));
        return undefined;
      case 'break':
        await (unit && execute(unit.session, 'select 1/0'));
        return undefined;
      case 'conflict':
        return this.#conflict(step.times, scope, place);
      case 'stray': {
        const inserted = unit?.session.insert(Item, { id: `stray ${place}`, value: 1 });
        scope.strays.push(this.#note(`${place} later`, inserted));
        return undefined;
      }
      case 'hook':
        return this.#hook(step.on, step.throws, scope, place);
      case 'unit':
        return this.#unit(step, scope, place);
      case 'parallel':
        return this.#parallel(step, scope, place);
    }
  }

  async #change(step: Step & { do: 'change' }, { items, holdings, unit }: Scope, value: number): Promise<undefined> {
    const key = holdings.pick(step.pick);
    if (key === undefined) {
      return;
    }
    const held = step.how === 'key' || unit?.status !== 'active' ? undefined : holdings.held.get(key);
    if (step.how !== 'set' || unit === undefined) {
      holdings.held.set(key, await items.update(held ?? key, { value }));
      return;
    }
    const item = held ?? (await items.retrieve(key));
    if (item === null) {
      throw new Thrown('missing', key);
    }
    holdings.held.set(key, item);
    item.value = value;
  }

  async #conflict(times: number, { unit }: Scope, place: string): Promise<undefined> {
    const fixed = place.replace(/~\d+/g, '');
    const before = this.#conflicts.get(fixed) ?? 0;
    this.#conflicts.set(fixed, before + 1);
    if (before < times) {
      await (unit && execute(unit.session, 'select conflict()'));
    }
    return undefined;
  }

  #hook(on: 'commit' | 'rollback', throws: boolean, { unit, hooks }: Scope, place: string): undefined {
    const hook = async () => {
      await setImmediate(); // they are awaited, one after the other
      hooks.push(place);
      if (throws) {
        throw new Thrown('hook', place);
      }
    };
    on === 'commit' ? unit?.afterCommit(hook) : unit?.afterRollback(hook);
  }

  async #unit(step: UnitStep, scope: Scope, place: string): Promise<undefined> {
    const abort = contains(step.steps, ['abort']) ? new AbortController() : undefined;
    const options: UnitOfWorkOptions = {
      propagation: step.propagation,
      ...(abort === undefined ? {} : { signal: abort.signal }),
      ...(step.attempts > 1 ? { retry: { attempts: step.attempts, minDelay: 0, maxDelay: 0 } } : {}),
    };
    const opener = step.via === 'uow' || scope.unit === undefined ? this.#uow : scope.unit;
    const strays: Promise<unknown>[] = [];
    const holdings = scope.holdings.inside(isIndependent(step, scope.bare));
    const work = async (unit: Unit, path: string) => {
      if (abortsInside(step.steps)) {
        // an abortion that comes while the transaction still waits for its connection ends all of it
        await execute(unit.session, 'select').catch(() => undefined);
      }
      await this.#steps(
        step.steps,
        { ...scope, unit, bare: isBare(unit), items: unit.items, abort, holdings, strays },
        path,
      );
    };
    let undone = true;
    try {
      if (step.form === 'run') {
        const returned = await opener.run((unit) => {
          const path = unit.attempt === 1 ? place : `${place}~${unit.attempt}`;
          const worked = work(unit, path).then(() => path);
          strays.push(worked);
          return worked;
        }, options);
        if (!returned.startsWith(place)) {
          throw new Error(`run() resolved to ${returned} instead of what work returned`);
        }
      } else {
        const unit = await opener.begin(options);
        try {
          await work(unit, place);
        } catch (error) {
          await this.#note(`${place} end`, unit.rollback());
          throw error;
        }
        await this.#end(unit, step.form);
      }
      undone = false;
    } finally {
      await settled(strays);
      scope.holdings.after(
        holdings,
        undone && !sharesSession(step) && !contains(step.steps, ['commit', 'rollback', 'abort']),
      );
    }
  }

  async #end(unit: Unit, form: 'commit' | 'rollback' | 'dispose'): Promise<void> {
    await (form === 'dispose' ? unit[Symbol.asyncDispose]() : unit[form]());
  }

  async #parallel(step: ParallelStep & Step, scope: Scope, place: string): Promise<undefined> {
    let last: Promise<unknown> = Promise.resolve();
    const parts = step.branches.map((steps, index) => {
      const path = `${place}.${index}`;
      const holdings = new Holdings<Item>();
      const items = scope.unit === undefined ? this.#standalone() : scope.items;
      const branch = () => this.#steps(steps, { ...scope, items, reads: path, holdings }, path);
      // without a transaction, it would be chance whether the flush of one branch takes along what another has changed
      const running = scope.bare ? last.then(branch) : branch();
      last = settled([running]);
      return { holdings, running };
    });
    const running = parts.map((part) => part.running);
    const quiet = settled(running).then(() => {
      for (const { holdings } of parts) {
        scope.holdings.after(holdings, false);
      }
    });
    scope.strays.push(quiet);
    try {
      await (step.together === 'all' ? Promise.all(running) : quiet);
    } finally {
      // where the error is caught, the history goes on when all is quiet; the unit itself hears of it at once
      if (step.caught) {
        await quiet;
      }
    }
    return undefined;
  }

  /** Notes how something settles that nobody in the history asks about. */
  async #note(place: string, promise: Promise<unknown> | undefined): Promise<void> {
    try {
      await promise;
      this.log.outcomes.set(place, { result: 'ok' });
    } catch (error) {
      this.log.outcomes.set(place, { result: classify(error), error });
    }
  }

  async #settle(promise: Promise<unknown>): Promise<void> {
    await settled([promise]);
  }
}

const abortsInside = (steps: readonly Step[]): boolean =>
  contains(steps, ['abort']) ||
  steps.some(
    (step) =>
      (step.do === 'unit' && abortsInside(step.steps)) || (step.do === 'parallel' && step.branches.some(abortsInside)),
  );

const settled = (promises: readonly Promise<unknown>[]): Promise<unknown> => Promise.allSettled(promises);

function isBare(unit: Unit): boolean {
  try {
    return !unit.session.isInTransaction();
  } catch {
    return false; // it has ended already
  }
}
