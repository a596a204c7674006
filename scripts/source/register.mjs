import { register } from 'node:module';

// Runs TypeScript from source: tsx for everything, and before it what tsx can't do. Handed to node as `--import`.
await import('tsx');
register('./decorator-metadata.mjs', import.meta.url);
