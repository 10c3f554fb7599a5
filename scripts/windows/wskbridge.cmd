@rem SPDX-License-Identifier: Apache-2.0
@rem The command line of wskbridge: wskbridge doctor, wskbridge nc, wskbridge echo, wskbridge help. Takes java from
@rem JAVA_HOME, or else from PATH.
@setlocal
@set "JAVA=java"
@if defined JAVA_HOME set "JAVA=%JAVA_HOME%\bin\java"
@"%JAVA%" -XX:+UseSerialGC -jar "%~dp0java\wskbridge-cli.jar" %*
