// SPDX-License-Identifier: Apache-2.0

/**
 * The border to native code: the library's functions as {@link org.wskbridge.internal.shim.NativeBinding}, how the library
 * is found, extracted and loaded, the layout and the numbers of all that crosses, and what statuses mean. JNA is known
 * here and nowhere else; another binding needs only this package.
 *
 * <p>Internal packages that this uses: none.
 */
package org.wskbridge.internal.shim;
