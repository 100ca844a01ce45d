import { resolve } from 'node:path';

/** The folder that holds package.json. */
export const repositoryRoot = resolve(import.meta.dirname, '..', '..');

/** TIDEMARK_HOME as an absolute path: relative ones are relative to the project, wherever the command was called. */
export const homeFolder = (setting: string): string => resolve(repositoryRoot, setting);
