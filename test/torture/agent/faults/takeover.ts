import { setTimeout as pause } from 'node:timers/promises';
import { count } from '../../figures.js';
import { ask, type Fault, recovered } from '../scene.js';
import { ambush } from './ambush.js';
import { anyLoss, swallowed } from './strikes.js';

/**
 * Somebody resets the statistics, which a crash of one of the server's processes does, too: now and then while a COMMIT is on
 * its way that never arrives. What became of it then only a key can tell.
 */
export const resetStatistics: Fault = async (scene) => {
  const { url, random, figures, outages } = scene;
  const connection = random.chance(0.5)
    ? await ambush(scene, 'COMMIT', swallowed('question', 60_000), random.between(0, 5))
    : undefined;
  count(figures, connection === undefined ? 'statistics reset' : 'statistics reset during a COMMIT');
  await outages.during(
    'statistics were reset',
    async () => {
      await ask(url, "select pg_stat_reset_shared('bgwriter')").catch(() => undefined);
      await pause(5);
    },
    { restarted: true },
  );
  connection?.destroy();
};

/** The primary is stopped, its standby promoted, and the address switched. */
export const switchOver: Fault = async (scene) => {
  const { site, figures, outages, address } = scene;
  if (!(await site.isFollowed())) {
    return;
  }
  count(figures, 'primary stopped, standby promoted');
  await outages.during(
    'the standby took over',
    async () => {
      await site.switchOver();
      address.pointTo(site.url);
      address.dropAll();
      await recovered(scene);
    },
    { restarted: true },
  );
  await site.startStandby();
};

/** The answer to COMMIT is lost, and the standby takes over. */
export const switchOverAfterCommit: Fault = async (scene) => {
  const struck = await ambush(scene, 'COMMIT', anyLoss(scene.random), scene.random.between(0, 5));
  if (struck !== undefined) {
    await switchOver(scene);
  }
};

/** The address leads to the standby for a while, though the primary lives. */
export const reachStandby: Fault = async (scene) => {
  const { site, random, figures, outages, address } = scene;
  const { standbyUrl } = site;
  if (standbyUrl === undefined) {
    return;
  }
  count(figures, 'standby reached instead of the primary');
  await outages.during(
    'a standby answered',
    async () => {
      address.pointTo(standbyUrl);
      if (random.chance(0.5)) {
        address.dropAll();
      }
      await pause(random.between(50, 800));
      address.pointTo(site.url);
      address.dropAll();
      await recovered(scene);
    },
    { restarted: true },
  );
};
