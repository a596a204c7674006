// Waits for the end of the process that has started it, and then removes what that one left behind.
import { carryOut, type JanitorTask } from './janitor-task.js';

process.once('message', (task: JanitorTask) => {
  process.once('disconnect', () => {
    carryOut(task).catch((error) => {
      console.error(`What the tests have left behind could not be removed: ${error}`);
      process.exitCode = 1;
    });
  });
  process.send?.('ready');
});
// Ctrl-C and the like are for the tests; this process ends after them
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => undefined);
}
