/** Those options of `node` that say how modules are loaded, and take a value of their own in the next argument. */
const withValue = ['--import', '--require', '-r', '--loader', '--experimental-loader', '--conditions', '-C'];
/** Those without. */
const alone = /^--((experimental|no)-.*types|enable-source-maps|no-warnings|preserve-symlinks)$/;

/**
 * The worker's options of `node`: the process's own, unless they are for a program that is given as text
 * (`--input-type`), which a worker can't be started with; then those that say how modules are loaded.
 */
export function workerExecArgv(execArgv: readonly string[] = process.execArgv): string[] | undefined {
  return execArgv.some((each) => each.startsWith('--input-type'))
    ? execArgv.filter((each, index) => {
        const [name = ''] = each.split('=');
        return withValue.includes(name) || alone.test(name) || withValue.includes(execArgv[index - 1] ?? '');
      })
    : undefined;
}
