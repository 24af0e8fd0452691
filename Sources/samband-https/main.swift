import Glibc
import HTTP
import HTTPSClient
import SambandCommand

Tool.begin()
exit(
    await Tool.main { (address, limits) throws(TransportError) in try SecureTransport(to: address, limits: limits) })
