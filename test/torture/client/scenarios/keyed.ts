import { count } from '../../figures.js';
import { enter, moveInPlace } from '../moves.js';
import type { Scenario } from '../scenario.js';

/** Nothing but `once` and `retry`: what became of a lost COMMIT is told by the key, after restarts and failovers, too. */
export const keyed: Scenario = async ({ uow, teller, random }) => {
  const slip = teller.slip('keyed', random);
  const done = uow.run(
    async (u) => {
      count(teller.figures, u.attempt > 1 ? 'retries' : 'first attempts with retry');
      u.afterCommit(() => teller.hook(slip));
      await enter(u, slip);
      await moveInPlace(u, slip);
      return slip.id;
    },
    { once: slip.id, retry: { attempts: 6, minDelay: 2, maxDelay: 100 } },
  );
  return teller.settle([slip], done);
};
