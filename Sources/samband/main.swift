import Glibc
import SambandCommand

exit(await Tool.main())
