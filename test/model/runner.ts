import { MikroOrmConnectionProxy, MikroOrmUnitOfWork, type UnitOfWorkOptions } from '../../src/index.js';
import { execute } from '../support/execute.js';
import { Actions } from './actions.js';
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
import { classify, type Outcome } from './outcome.js';
import type { Log, Scope, Unit } from './scope.js';
import type { ItemRepositoryClass, World } from './world.js';

const unitOf = (items: ItemRepositoryClass) => MikroOrmUnitOfWork.of({ items });
type UnitOfItems = InstanceType<ReturnType<typeof unitOf>>;

/** Runs a history against the library. */
export class Runner {
  readonly log: Log = { outcomes: new Map(), hooks: [] };
  readonly #world: World;
  readonly #uow: UnitOfItems;
  readonly #actions: Actions;

  constructor(world: World) {
    this.#world = world;
    this.#uow = new (unitOf(world.Repository))(world.engineFactory);
    this.#actions = new Actions(this.log, world.kind);
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
      await settled([this.#steps(steps, scope, path)]);
      await settled(scope.strays);
    });
    await Promise.all(running);
    return this.log;
  }

  #standalone(): InstanceType<ItemRepositoryClass> {
    return new this.#world.Repository(new MikroOrmConnectionProxy(this.#world.engineFactory));
  }

  async #steps(steps: readonly Step[], scope: Scope, path: string): Promise<void> {
    for (const [index, step] of steps.entries()) {
      const place = `${path}.${index}`;
      try {
        const read = await this.#step(step, scope, place);
        this.log.outcomes.set(place, { result: 'ok', ...(read === undefined ? {} : { read }) });
      } catch (error) {
        this.log.outcomes.set(place, { result: classify(error), error });
        if (!step.caught) {
          throw error;
        }
      }
    }
  }

  #step(step: Step, scope: Scope, place: string): Promise<Outcome['read']> {
    switch (step.do) {
      case 'unit':
        return this.#unit(step, scope, place);
      case 'parallel':
        return this.#parallel(step, scope, place);
      default:
        return this.#actions.perform(step, scope, place);
    }
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
      holdings.held.clear(); // entities of a run that failed are of no use to the next one
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
          await this.#actions.note(`${place} end`, unit.rollback());
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
      const holdings = new Holdings<object>();
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
      if (step.caught || scope.bare) {
        await quiet;
      }
    }
    return undefined;
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
