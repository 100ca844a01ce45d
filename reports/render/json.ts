import type { Report } from '../model.ts';

/** The model itself: values, not text; a share is a part of one. */
export const renderJson = (report: Report): Buffer => Buffer.from(`${JSON.stringify(report, null, 2)}\n`);
