import { setTimeout as pause } from 'node:timers/promises';
import type { Hook, ProxyConnection, WireMessage } from '../../../support/wire-proxy.js';
import { count } from '../../figures.js';
import type { Scene } from '../scene.js';
import type { Strike } from './strikes.js';

/** What an ambush waits for. */
export type Prey = 'COMMIT' | 'a statement' | 'connecting';

const isPrey: Readonly<Record<Prey, (message: WireMessage) => boolean>> = {
  COMMIT: ({ sql }) => sql !== undefined && /^\s*commit/i.test(sql),
  'a statement': ({ sql }) => sql !== undefined,
  connecting: ({ type }) => type === 'startup' || type === 'p',
};

/** Whether it is a message that the library may send to ask what became of a COMMIT. */
const mayAskAboutCommit = (message: WireMessage): boolean =>
  isPrey.connecting(message) || /pg_xact_status/.test(message.sql ?? '');

/** How long an ambush waits for its prey. */
const patience = 2_000;

/**
 * Strikes the next message of a client that is such a prey, or the server's answer to it; some may pass unharmed before.
 * Resolves to the connection that it struck, or to undefined when none came by.
 */
export function ambush(scene: Scene, prey: Prey, strike: Strike, skip = 0): Promise<ProxyConnection | undefined> {
  const { proxy, figures, outages, atTheEnd } = scene;
  return new Promise((resolve) => {
    let left = skip;
    const lift = (struck?: ProxyConnection): void => {
      removeHook();
      clearTimeout(timer);
      atTheEnd.delete(lift);
      resolve(struck);
    };
    const hook: Hook = (message, connection) => {
      if (!isPrey[prey](message) || left-- > 0) {
        return undefined;
      }
      count(figures, `${prey}: ${strike.name}`);
      if (strike.silence !== undefined && mayAskAboutCommit(message)) {
        void outages.during('a question about COMMIT was not heard', () => pause(strike.silence));
      }
      if (strike.at === 'question') {
        const verdict = strike.act(scene, connection);
        lift(connection);
        return verdict;
      }
      lift();
      awaitAnswer(scene, connection, strike, resolve);
      return undefined;
    };
    const removeHook = proxy.onFrontend(hook);
    const timer = setTimeout(lift, patience);
    atTheEnd.add(lift);
  });
}

/** Strikes the first message of the answer, or lets some of it through before. */
function awaitAnswer(
  scene: Scene,
  connection: ProxyConnection,
  strike: Strike,
  done: (struck: ProxyConnection | undefined) => void,
): void {
  let passing = scene.random.pick([0, 0, 1, 2]);
  const remove = scene.proxy.onBackend((message, answering) => {
    if (answering !== connection || (message.type !== 'Z' && passing-- > 0)) {
      return undefined;
    }
    done(connection);
    lift();
    return strike.act(scene, connection);
  });
  const lift = (): void => {
    remove();
    clearTimeout(timer);
    scene.atTheEnd.delete(lift);
    done(undefined);
  };
  const timer = setTimeout(lift, patience);
  scene.atTheEnd.add(lift);
}
