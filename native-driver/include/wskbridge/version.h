/* SPDX-License-Identifier: Apache-2.0
 *
 * The version of this project's binaries. The resource compiler uses it for the version resources of
 * wskbridge.sys and wskshim.dll, and CMake reads the three numbers as text. The INF and the poms repeat it;
 * scripts/check-windows compares them. The protocol has its own version, in ioctl.h.
 */
#ifndef WSKBRIDGE_VERSION_H
#define WSKBRIDGE_VERSION_H

#define WSKB_RELEASE_MAJOR 0
#define WSKB_RELEASE_MINOR 1
#define WSKB_RELEASE_PATCH 0

#define WSKB_RELEASE_TEXT_OF(a, b, c) #a "." #b "." #c
#define WSKB_RELEASE_TEXT_IN(a, b, c) WSKB_RELEASE_TEXT_OF(a, b, c)
#define WSKB_RELEASE_TEXT             WSKB_RELEASE_TEXT_IN(WSKB_RELEASE_MAJOR, WSKB_RELEASE_MINOR, WSKB_RELEASE_PATCH)

#endif
