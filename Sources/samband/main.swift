import Glibc
import SambandCommand

Tool.begin()
exit(await Tool.main())
