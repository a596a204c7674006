import { setTimeout as pause } from 'node:timers/promises';
import { count } from '../../figures.js';
import { ask, type Fault, recovered, type Scene } from '../scene.js';
import { ambush } from './ambush.js';
import { anyLoss, swallowed } from './strikes.js';

const backends = (ending: string): string =>
  `select pid, pg_terminate_backend(pid) from (
     select pid from pg_stat_activity
     where datname = 'bank' and pid <> pg_backend_pid() and backend_type = 'client backend' order by pid ${ending}
   ) victim`;

/** pg_terminate_backend, for one of them or for all. */
export const terminate: Fault = async ({ url, random, figures }) => {
  const all = random.chance(0.1);
  const victims = await ask(url, backends(all ? '' : `offset ${random.between(0, 7)} limit 1`)).catch(() => []);
  if (victims.length > 0) {
    count(figures, all ? 'all backends terminated' : 'a backend terminated');
  }
};

/** SIGKILL for one backend: PostgreSQL then ends all others, and recovers as after a crash. */
export const killBackend: Fault = async (scene) => {
  const pids = `select pid from pg_stat_activity where datname = 'bank' and pid <> pg_backend_pid() order by pid`;
  const victims = await ask(scene.url, pids).catch(() => []);
  if (victims.length > 0) {
    await scene.outages.during(
      'a backend was killed',
      async () => {
        process.kill(Number(scene.random.pick(victims).pid), 'SIGKILL');
        count(scene.figures, 'a backend killed: crash recovery');
        await pause(20);
        await recovered(scene);
      },
      { restarted: true },
    );
  }
};

/** SIGKILL for the server and all its processes, and a restart after a while. */
export const crash: Fault = async (scene) => {
  // now and then, longer than the server is asked for
  const { random } = scene;
  await crashFor(scene, random.chance(0.1) ? random.between(3_200, 5_000) : random.between(0, 1_200));
};

/** An orderly stop, and a restart. */
export const restart: Fault = async (scene) => {
  count(scene.figures, 'server stopped and restarted');
  await scene.outages.during(
    'the server was stopped',
    async () => {
      await scene.server.shutdown();
      await pause(scene.random.between(0, 300));
      await scene.server.restart();
      await recovered(scene);
    },
    { restarted: true },
  );
};

/** The answer to COMMIT is lost, and then the server crashes, before it could be asked or while it is. */
export const crashAfterCommit: Fault = async (scene) => {
  const { random } = scene;
  const struck = await ambush(scene, 'COMMIT', anyLoss(random), random.between(0, 5));
  if (struck !== undefined) {
    await pause(random.pick([0, 0, 5, 30]));
    await crashFor(scene, random.between(0, 600));
  }
};

/**
 * COMMIT never arrives, the server crashes, and hands out the same transaction ids again; the client learns of it only
 * when others have committed under them, and perhaps after yet another crash.
 */
export const crashUnnoticed: Fault = async (scene) => {
  const { random } = scene;
  const silent = swallowed('question', 60_000);
  let connection: { destroy(): void } | undefined;
  try {
    connection = await ambush(scene, 'COMMIT', silent, random.between(0, 5));
    if (connection === undefined) {
      return;
    }
    await crashFor(scene, 0);
    await pause(random.between(100, 500));
    if (random.chance(0.5)) {
      await crashFor(scene, 0);
      await pause(random.between(0, 200));
    }
    count(scene.figures, 'crashes that a client noticed only afterwards');
  } finally {
    connection?.destroy();
  }
};

async function crashFor(scene: Scene, milliseconds: number): Promise<void> {
  count(scene.figures, 'server killed and restarted');
  await scene.outages.during(
    'the server was killed',
    async () => {
      await scene.server.kill();
      await pause(milliseconds);
      await scene.server.restart();
      await recovered(scene);
    },
    { restarted: true },
  );
}
