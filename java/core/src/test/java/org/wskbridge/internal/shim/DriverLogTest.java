// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.shim;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.lang.System.Logger.Level;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The words and levels of the driver's lines; DriverLinesTest has the lines themselves. */
class DriverLogTest {
    @ParameterizedTest
    @CsvSource({
        "off, OFF",
        "error, ERROR",
        "warning, WARNING",
        "Information, INFORMATION",
        "' verbose', VERBOSE",
        "'', WARNING",
        "loud, WARNING",
        "3, WARNING"
    })
    void aPropertySaysHowMuchIsLogged(String value, DriverLog.Detail detail) {
        assertEquals(detail, DriverLog.detail(value));
    }

    @ParameterizedTest
    @CsvSource({"0, ERROR", "1, WARNING", "2, INFO", "3, INFO", "4, DEBUG", "31, DEBUG"})
    void eachLevelOfTheDriverIsOneOfALoggers(int level, Level expected) {
        assertEquals(expected, DriverLog.level(level));
    }
}
