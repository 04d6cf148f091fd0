/** The version of package.json, as a constant: a bundle has no package.json to read it from. */
export const packageVersion = '0.1.0';
