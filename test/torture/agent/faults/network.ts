import { setTimeout as pause } from 'node:timers/promises';
import { count } from '../../figures.js';
import { type Fault, recovered } from '../scene.js';
import { ambush, type Prey } from './ambush.js';
import { anyLoss, anyStrike } from './strikes.js';

/** One message, or the answer to it, on one connection or on several: most of all around COMMIT. */
export const strikeMessage: Fault = async (scene) => {
  const { random } = scene;
  const prey = random.weighted<Prey>({ COMMIT: 7, 'a statement': 2, connecting: 1 });
  for (let strikes = random.pick([1, 1, 1, 2, 3]); strikes > 0; strikes--) {
    void ambush(scene, prey, anyStrike(random), random.between(0, 6));
  }
};

/** Two of them on the same way: the answer to COMMIT is lost, and then something happens to the question about it. */
export const strikeTwice: Fault = async (scene) => {
  const { random } = scene;
  const strikes = [anyStrike(random), anyStrike(random)] as const;
  void ambush(scene, 'COMMIT', strikes[0], random.between(0, 3)).then(
    (struck) => struck && ambush(scene, random.pick<Prey>(['connecting', 'a statement']), strikes[1]),
  );
};

/** A message or its answer is lost, and the connection with it: nobody waits for long. */
export const loseMessage: Fault = async (scene) => {
  const { random } = scene;
  void ambush(scene, random.pick<Prey>(['COMMIT', 'COMMIT', 'a statement']), anyLoss(random), random.between(0, 6));
};

/** Every connection is closed at once. */
export const dropAll: Fault = async ({ proxy, figures }) => {
  proxy.dropAll();
  count(figures, 'all connections dropped');
};

/** Nothing gets through, for a while; then what has waited does, or every connection is closed. */
export const blackhole: Fault = async (scene) => {
  const { proxy, random, figures, outages } = scene;
  count(figures, 'network silent');
  await outages.during('the network was silent', async () => {
    proxy.blackhole();
    // now and then, longer than the server is asked for
    await pause(random.chance(0.1) ? random.between(3_200, 5_000) : random.between(50, 1_500));
    if (random.chance(0.5)) {
      proxy.dropAll();
    }
    proxy.resume();
    await recovered(scene);
  });
};

/** New connections are refused for a while, and perhaps those that there were are closed. */
export const refuse: Fault = async (scene) => {
  const { proxy, random, figures, outages } = scene;
  count(figures, 'connections refused');
  await outages.during('connections were refused', async () => {
    await proxy.refuseConnections();
    if (random.chance(0.7)) {
      proxy.dropAll();
    }
    await pause(random.between(50, 1_500));
    await proxy.acceptConnections();
    await recovered(scene);
  });
};

/** Each message takes a moment, for a while. */
export const slow: Fault = async ({ proxy, random, figures, atTheEnd }) => {
  count(figures, 'network slow');
  const most = random.between(2, 15);
  const wait = (): Promise<undefined> => pause(random.between(0, most), undefined);
  const hooks = [proxy.onFrontend(wait), proxy.onBackend(wait)];
  const end = (): void => {
    clearTimeout(timer);
    atTheEnd.delete(end);
    for (const remove of hooks) {
      remove();
    }
  };
  const timer = setTimeout(end, random.between(100, 600));
  atTheEnd.add(end);
};
