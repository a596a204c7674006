// Removes what the build made, so that nothing of a deleted source file stays behind.
import { rmSync } from 'node:fs';

rmSync(new URL('../dist', import.meta.url), { recursive: true, force: true });
