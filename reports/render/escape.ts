const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};
/** Control characters and what is no character; those that turn the direction of what follows. */
const REFUSED = /(?![\t\n\r])\p{Cc}|[\u200e\u200f\u202a-\u202e\u2066-\u2069\ufffe\uffff]/gu;

/** The text with nothing in it that XML and HTML refuse, or that would let it look like another one. */
export const writable = (text: string): string => text.toWellFormed().replace(REFUSED, '');

/** Text for element content and quoted attributes. */
export const escapeHtml = (text: string): string => writable(text).replace(/[&<>"']/g, (letter) => ENTITIES[letter]!);
