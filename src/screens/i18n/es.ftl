## frame
skip = Ir al contenido
nav = Pantallas
nav-work = Trabajo diario
nav-house = La casa
nav-today = Hoy
nav-scan = Escaneo
nav-cases = Casos
nav-parcels = Paquetes
nav-report = Informar
nav-imports = Importaciones
nav-maps = Mapas de estados
nav-printers = Impresoras
nav-users = Personas
nav-settings = Ajustes
nav-jobs = Tareas
nav-audit = Auditoría
nav-sync = Sincronización
nav-profile = Mi cuenta
find = Buscar un paquete
offline = El depósito no responde. Lo que escanee se guarda y se envía cuando vuelva.
log-in = Entrar
log-out = Salir
login-name = Usuario
password = Contraseña
password-hint = 10 caracteres o más; tres o cuatro palabras al azar son buenas
password-change = Cambiar la contraseña
password-current = Contraseña actual
password-new = Contraseña nueva
pin = PIN
pin-hint = 4 a 6 cifras, para las estaciones
badge = Credencial
badge-hint = Escanéela aquí
door-api = La API
door-trust = Confiar en este depósito (su certificado)
fail-title = No funcionó
fail-not-found = Aquí no hay nada
fail-forbidden = Esto no es para usted
fail-back = Al inicio
refused = No aceptado
refused-one = no aceptado
done-saved = Guardado.
done-added = Añadido.
done-removed = Eliminado.
done-sent = Enviado.
done-begun = Empezado.

## set-up
fresh-title = Un depósito nuevo
fresh-text = Este depósito aún no está configurado.
fresh-hint = Abra el enlace que el servidor mostró al arrancar: termina con un código de un solo uso.
setup-title = Configurar este depósito
setup-text = Cinco respuestas y funciona.
setup-tenant = Empresa
setup-tenant-hint = Letras minúsculas, cifras, _ y -; va detrás de la @ del usuario
setup-depot = Depósito
setup-depot-hint = Su nombre, como lo dice la gente
setup-user = Su usuario
setup-password = Su contraseña
setup-go = Configurar
setup-over = Este depósito ya está configurado
zone = Zona horaria
zone-hint = Como America/Bogota; cuándo empieza el día
language = Idioma
currency = Moneda
currency-hint = Tres letras, como EUR

## words
name = Nombre
role = Rol
roles = Roles
users = Usuarios
email = Correo
address = Dirección
port = Puerto
station = Estación
device = Aparato
seen = Visto por última vez
sessions = Dónde ha entrado
this-one = este
actions = Acciones
save = Guardar
show = Mostrar
all = Todos
more = Página siguiente
back = Volver
remove = Eliminar
filter = Filtro
yes = sí
state = Estado
status = Estado
status-any = Cualquiera
since = Desde
to = Para
from = De
by = Por
when = Cuándo
due = Vence
overdue-by = vencido hace
owner = Responsable
about = Sobre
opened = Abierto
reason = Motivo
reason-any = Cualquier motivo
note = Nota
note-add = Añadir nota
timeline = Qué ocurrió
facts = Lo que se sabe
place = Lugar
value = Valor
weight = Peso
weight-g = Peso en gramos
pieces = Bultos
order = Pedido
service = Servicio
carrier = Transportista
distributor = Distribuidor
recipient = Destinatario
phone = Teléfono
promised = Prometido
delivered-at = Entregado
remark = Observación
street = Calle
zip = Código postal
city = Ciudad
country = País
source = Origen
source-hint = De quién es el archivo: sus palabras se leen con ese nombre
file = Archivo
rows = Filas
lines = Líneas
columns = Columnas
encoding = Codificación
delimiter = Separador
code = Código
codes = Códigos
times = Veces
parcel = Paquete
label = Etiqueta
printer = Impresora
media = Etiquetas
dpi = Resolución
waiting = En espera
unclear = Incierto
attempts = Intentos
last-error = Último error
changes = Cambios
release = Versión
depots = Depósitos
progress = Progreso
chart-table = Las cifras
by-at = { $name }, { $at }
rows-more = { $n ->
    [one] Una fila más; afine el filtro.
   *[other] { $shown } filas más; afine el filtro.
}

## today
today-now = Necesita a alguien ahora
today-overdue = casos vencidos
today-mine = casos míos
today-here = en el depósito
today-open = en camino
today-late = fuera de plazo
today-wrong = con algo mal
today-by-status = Dónde están los paquetes abiertos
today-by-hour = Últimos pasos de hoy, por hora
today-by-reason = Casos abiertos por motivo
today-delivered = Entregados en 14 días
today-delivered-late = { $late } de { $n } llegaron después de lo prometido.
today-counting = Se están contando los paquetes.
line-alone = Trabaja solo, sin central
line-all-known = La central lo sabe todo
line-sending = { $n ->
    [one] La central recibe un cambio
   *[other] La central recibe { $shown } cambios
}
line-offline = Línea cortada desde { $since }: { $n } cambios esperan, el trabajo sigue
line-depots = { $n } depósitos, { $silent } de ellos en silencio

## scan
scan-field = Escanee o teclee cualquier código
scan-go = Ir
scan-ready = Listo
scan-ready-hint = Paquete, número del transportista, SSCC, guía aérea, contenedor o un código de la pared
scan-ok = Bien
scan-exception = Pare y mire
scan-unknown = Desconocido
scan-duplicate = Repetido
scan-again = Escaneado hace un momento, o no queda nada por hacer.
scan-nobody-knows = Nadie ha anunciado este código.
scan-moved = Hecho
scan-confirmed = Está donde estaba
scan-pending = Próximo paquete: { $action }
scan-placed = Los paquetes van a { $place }
scan-cleared = De vuelta a la llegada de paquetes
scan-undone = Se deshizo el último escaneo
scan-case-opened = Hay un caso abierto para este bulto
scan-open-case = Abrir caso: bulto sin datos
scan-several = Varios paquetes llevan este número
scan-could-be = Podría ser
scan-hello = Hola, { $name }
scan-last = Últimas diez
scan-where = Dónde
scan-where-hint = El nombre de esta estación; queda en este aparato.
scan-badge-hint = Escanee su credencial para tomar el puesto.
scan-pin = Sin credencial
scan-switch = Soy yo
scan-leave = Me voy
scan-help = Códigos de la pared
scan-help-text = Sin un código antes, el escaneo da entrada al paquete. Un código de la pared dice qué hace el siguiente: cargar, retener, dañado, un lugar o deshacer.
scan-wall = Imprimir la hoja de la pared
scan-away = Guardado: el depósito no responde
scan-waits = escaneos esperan envío

## cases
cases-open = Abiertos
cases-overdue = Vencidos
cases-mine = Míos
cases-free = De nadie
cases-closed = Cerrados
cases-none = Nada necesita a nadie
cases-none-hint = Los casos nuevos llegan aquí solos, los más urgentes primero.
cases-refused = { $n ->
    [one] Un caso no aceptó el paso.
   *[other] { $shown } casos no aceptaron el paso.
}
case-new = Nuevo caso
case-open = Abrir el caso
case-subject = Paquete
case-subject-hint = Su número; vacío si no trata de un paquete
case-detail = Qué ocurre
case-take = Tomar
case-wait-for = por
case-how = cómo
case-why-again = Por qué no está resuelto
case-state-open = abierto
case-state-acknowledged = visto
case-state-in_progress = en curso
case-state-waiting = en espera
case-state-resolved = resuelto
case-state-merged = unido
case-step-acknowledge = Visto
case-step-start = Empezar
case-step-wait = Esperar
case-step-resolve = Resolver
case-step-reopen = Reabrir
case-step-merge = Unir
case-step-assign = Asignar
case-step-note = Anotar
resolution-solved = resuelto
resolution-delivered = entregado
resolution-redirected = redirigido
resolution-returned = devuelto
resolution-disposed = desechado
resolution-claimed = indemnizado
resolution-false_alarm = falsa alarma
resolution-other = otro (dígalo en la nota)
pick = Elegir
pick-case = Elegir el caso de { $what }
keys-move = mover
keys-pick = elegir
keys-open = abrir
escalated = Escalado
waiting-until = Espera hasta
advice-address = Pida la dirección al remitente o al destinatario y corríjala.
advice-recipient = Acuerde con el destinatario el próximo intento.
advice-payment = Pida lo que se debe; sigue cuando se pague.
advice-customs = Envíe al agente lo que pide la aduana.
advice-handling = Encuentre el bulto, mírelo y haga una foto.
advice-transport = Pregunte a la línea dónde está; busque antes en el muelle.
advice-external = Solo queda avisar a quien espera.
advice-data = Pida lo que falta, o diga qué significa la palabra.
advice-security = No lo toque. Llame al responsable.
advice-operation = Avise a quien cuida la máquina.
step-opened = abierto
step-acknowledged = visto
step-started = trabajo empezado
step-waited = aplazado hasta { $until }
step-woken = la espera terminó
step-resolved = resuelto
step-reopened = reabierto
step-merged = continúa en otro caso
step-assigned = entregado a { $name }
step-freed = devuelto a la mesa
step-escalated = escalado: nadie había empezado
step-joined = { $n ->
    [one] se sumó un paquete
   *[other] se sumaron { $shown } paquetes
}
step-parted = { $n ->
    [one] salió un paquete
   *[other] salieron { $shown } paquetes
}
step-blamed = de quién fue: { $fault }
step-costed = costó { $amount }
step-answered = respondieron: { $answer }
fault-shipper = del remitente
fault-carrier = del transportista
fault-depot = del depósito
fault-recipient = del destinatario
fault-authority = de una autoridad
fault-nature = de la naturaleza
fault-none = de nadie
answer-new_address = llevarlo a otra dirección
answer-redeliver = intentarlo otra vez
answer-return = devolverlo
answer-dispose = destruirlo
answer-other = otra cosa

## parcels
parcel-number = Número
parcel-new = Anunciar un paquete
parcel-announce = Anunciar
parcel-same-number = Otros llevan el mismo número:
parcel-no-cases = No hay nada mal.
parcels-exceptional = algo mal
parcels-late = retrasado
parcels-none = Aún no hay paquetes
parcels-none-hint = Importe un archivo o escanee el primero.
parcels-nothing = Nada coincide
parcels-nothing-hint = Amplíe el filtro o teclee el comienzo de un número.
next-steps = Próximo paso
step-more = Con nota o motivo
step-reason = Motivo
step-reason-hint = Un código de motivo, o por qué se fuerza el paso
step-force = Forzar un paso
step-force-go = Forzar
event-registered = anunciado aquí
event-reported = informado
event-described = datos cambiados
event-corrected = corregido
event-remapped = leído de nuevo con el mapa cambiado
event-stale = sin noticias desde hace demasiado
event-flag-on = marca puesta
event-flag-off = marca quitada
event-handed-over = entregado al depósito { $site }
event-pickup-noticed = se avisó que espera
event-forced = forzado
label-alt = La etiqueta de este paquete
label-no-printer = No hay impresora configurada.
label-reason = Por qué otra vez
label-reason-hint = Necesario desde la segunda etiqueta
label-print = Imprimir la etiqueta
label-page = Imprimir con este navegador
label-waiting = espera
label-sending = enviándose
label-unknown = nadie lo sabe
label-printed = impresa
label-dropped = descartada
label-test = etiqueta de prueba
label-it-lies-there = Está allí
label-again = Imprimir otra vez
label-drop = Descartar

## report
report-numbers = Números
report-hint = { $n ->
    [one] Una línea por paquete.
   *[other] Uno por línea, como máximo { $shown }; un estado propio puede seguir tras una coma.
}
report-send = Informar
report-taken = { $n ->
    [one] Un informe aceptado
   *[other] { $shown } informes aceptados
}
report-refused = { $n ->
    [one] uno no; queda en la lista
   *[other] { $shown } no; quedan en la lista
}
report-verdicts = Veredictos

## imports
imports-new = Importar un archivo
imports-none = Ningún archivo aún
imports-none-hint = Un CSV de una tienda o un transportista; el formato se averigua.
import-kind = Qué son las filas
import-parcels = paquetes
import-status = informes sobre paquetes
file-hint = CSV o texto, en cualquier codificación y con cualquier separador; suéltelo aquí
import-look = Mirar antes
import-take = Importar
import-queued = espera
import-running = en curso
import-previewed = mirado, nada importado
import-done = terminada
import-done-some = terminada, algunas filas no aceptadas
import-failed = falló
import-undoing = deshaciéndose
import-undone = deshecha
import-rows-of = { $n ->
    [one] una fila
   *[other] { $shown } filas
}
import-errors = { $n ->
    [one] La fila no aceptada (CSV)
   *[other] Las { $shown } filas no aceptadas (CSV)
}
import-undo = Deshacer
import-undo-hint = Todo lo que este archivo cambió vuelve; lo que otros informaron después queda.
import-warnings = Para mirar
import-found = Qué es el archivo
refused-rows = No aceptadas
verdict-created = creados
verdict-updated = cambiados
verdict-unchanged = ya sabidos
verdict-duplicate = repetidos
verdict-refused = no aceptados

## maps
maps-unmapped = Palabras que nadie ha explicado
maps-all-known = Se entiende cada palabra
maps-all-known-hint = Una palabra que ningún mapa conoce aparece aquí sola.
maps-sources = Orígenes
map-means = Significa
map-info = solo información, no cambia nada
map-whose = Mapa
map-own = propio
map-shipped = incluido en Crossdock
map-add = Explicar una palabra
map-in-words = En palabras

## printers
printer-new = Añadir impresora
printer-ready = lista
printer-trouble = necesita ayuda
printer-untried = aún sin probar
printer-host-hint = Una dirección privada como 192.168.7.20
printer-station-hint = Dónde está; se imprime en las etiquetas
printer-answers = Dice cómo está (~HS); desactívelo para emulaciones que nunca responden
printer-test = Imprimir etiqueta de prueba
printer-queue = Cola
printer-queue-empty = La cola está vacía
printer-queue-hint = Las etiquetas salen de una en una; una incierta espera su palabra.
printer-remove = Eliminar esta impresora
printers-none = Ninguna impresora aún
printers-none-hint = Sirve cualquier impresora ZPL de esta red; los navegadores imprimen etiquetas sin ella.

## people
user-new = Añadir persona o estación
user-add = Añadir
user-on = puede entrar
user-off = desactivado
user-waits = espera su sí
user-station = estación
user-is-station = Es una estación: la gente la toma con credencial o PIN
user-active = Puede entrar
user-approved = Aprobado
user-distributors = Solo estos distribuidores
user-distributors-hint = Para socios, con comas; vacío: como dice el rol
user-secrets = Contraseña, PIN, credencial
user-secrets-hint = Lo que quede vacío no cambia. Una contraseña nueva cierra todas las sesiones.
user-overrides = Excepciones del rol
user-log-out = Cerrar todas sus sesiones
right = Derecho
rights = Derechos
roles-hint = Elija un rol para cambiar lo que se puede hacer.
reach = Ve los registros de
reach-tenant = toda la casa
reach-distributors = sus distribuidores
reach-own = sí mismo
role-super_admin = Superadministrador
role-admin = Administrador
role-supervisor = Supervisor
role-clerk = Operario
role-planner = Planificador
role-driver = Conductor
role-partner = Socio
role-import_agent = Agente de importación
role-broker = Agente de aduanas
role-accounts = Contabilidad
role-auditor = Auditor
role-station = Estación

## settings
settings-house = La casa
limits = Cuánto puede quedarse un paquete
limits-hint = Horas hábiles en un estado antes de avisar a alguien; 0 es siempre.
limit-hours = Horas
limits-special = { $n ->
    [one] Un límite para un transportista o servicio queda como está.
   *[other] { $shown } límites para transportistas o servicios quedan como están.
}

## jobs
job-kind = Tarea
job-scheduled = en espera
job-running = en curso
job-done = terminada
job-dead = abandonada
job-retry = Intentar otra vez
job-cancel = Abandonar
jobs-none = Nada aquí
jobs-none-hint = Lo que el depósito hace solo aparece aquí.

## audit
audit-verify = Comprobar la cadena
audit-table = Registro
audit-action = Acción
audit-field = Campo
audit-before = Antes
audit-after = Después
audit-none = Nada coincide
audit-none-hint = Deje los filtros vacíos para verlo todo.
audit-holds = { $n ->
    [one] La cadena está íntegra: una entrada, sin cambios
   *[other] La cadena está íntegra: { $shown } entradas, ninguna cambiada
}
audit-broken = La cadena está rota en la entrada { $at }

## sync
sync-now = Intercambiar ahora
sync-business = cambios sin enviar
sync-audit = auditorías sin enviar
sync-telemetry = mediciones sin enviar
sync-hq = Central
sync-site = Número
sync-last = Última respuesta
sync-next = Próximo intercambio
sync-oldest = La más antigua sin enviar
sync-refused = Rechazadas allí
sync-trouble = Problema
sync-join-hint = Para unirse a una central, pida un código y ejecute esto en la máquina del depósito:
site-ok = en contacto
site-silent = en silencio
site-hold = retenido: parece haber dos copias
site-revoked = clave retirada
site-invited = invitado
site-add = Añadir depósito
site-code = dé este código al depósito; solo se muestra una vez:
site-code-until = Vale hasta

## statuses
status-unknown = desconocido
status-announced = anunciado
status-accepted = aceptado
status-in_transit = en tránsito
status-customs = en aduana
status-at_depot = en depósito
status-out_for_delivery = en reparto
status-ready_for_pickup = listo para recoger
status-attempted = intentado
status-on_hold = retenido
status-returning = en devolución
status-lost = perdido
status-delivered = entregado
status-returned = devuelto
status-disposed = desechado
status-cancelled = cancelado

## reasons
reason-address_incomplete = Dirección incompleta
reason-address_not_found = Dirección no encontrada
reason-recipient_unknown = Destinatario desconocido
reason-recipient_moved = Destinatario mudado
reason-recipient_absent = Destinatario ausente
reason-business_closed = Negocio cerrado
reason-access_restricted = Sin acceso a la puerta
reason-safe_place_unavailable = Sin lugar seguro
reason-appointment = Cita
reason-hold_requested = Retención pedida
reason-redirect_requested = Redirección pedida
reason-rescheduled = Reprogramado
reason-refused = Rechazado
reason-shipper_cancelled = Cancelado por el remitente
reason-identity_failed = Identidad no acreditada
reason-cod_unpaid = Contra reembolso impagado
reason-charges_unpaid = Cargos impagados
reason-duties_unpaid = Aranceles impagados
reason-duties_disputed = Aranceles disputados
reason-insufficient_postage = Franqueo insuficiente
reason-pickup_not_collected = No recogido
reason-customs_hold = Retenido en aduana
reason-customs_documents = Faltan documentos de aduana
reason-customs_refused = Rechazado por aduana
reason-inspection = Inspección
reason-prohibited = Mercancía prohibida
reason-damaged = Dañado
reason-repacked = Reembalado
reason-relabelled = Reetiquetado
reason-lost = Perdido
reason-investigation = En investigación
reason-short_shipped = Faltan bultos
reason-overcarried = Pasó de largo
reason-offloaded = Descargado por falta de sitio
reason-loading_exception = Problema en la carga
reason-missorted = Mal clasificado
reason-missed_cutoff = Perdió la salida
reason-linehaul_delay = Línea retrasada
reason-capacity = Sin espacio
reason-vehicle_breakdown = Vehículo averiado
reason-equipment_failure = Fallo de equipo
reason-weather = Clima
reason-disaster = Desastre
reason-civil_unrest = Disturbios
reason-labour_dispute = Huelga
reason-power_outage = Corte de luz
reason-not_ready = No listo en el remitente
reason-label_unreadable = Etiqueta ilegible
reason-data_missing = Faltan datos
reason-shipper_data_error = Datos del remitente erróneos
reason-overweight_oversize = Demasiado pesado o grande
reason-out_of_area = Fuera de zona
reason-service_suspended = Servicio suspendido
reason-carrier_rejected = Rechazado por el transportista
reason-dangerous_goods = Mercancía peligrosa
reason-security_hold = Retención de seguridad
reason-seized = Incautado
reason-undeliverable = Imposible de entregar
reason-unspecified = Sin motivo indicado
reason-status_stale = Sin noticias desde hace mucho
reason-piece_without_data = Bulto sin datos
reason-data_without_piece = Datos sin bulto
reason-status_conflict = Informes contradictorios
reason-duplicate = Dos veces lo mismo
reason-duplicate_scan = Escaneado dos veces
reason-wrong_route_loaded = Cargado en la ruta equivocada
reason-unmapped_code = Palabra desconocida
reason-over_received = Más bultos de los anunciados
reason-job_dead = Tarea abandonada
reason-job_late = Tarea retrasada
reason-job_blocked = Tarea bloqueada
reason-server_errors = Errores del servidor
reason-backup_overdue = Copia de seguridad vencida
reason-sync_offline = Línea con la central cortada
reason-sync_held = Intercambio retenido
reason-clock_wrong = Reloj erróneo
reason-disk_low = Disco casi lleno
reason-audit_broken = Cadena de auditoría rota

nav-privacy = Privacidad
privacy-find = Buscar a una persona
privacy-find-hint = Se muestra todo lo que coincide con alguno de estos campos. Nadie ve después a quién se buscó.
privacy-reference = Referencia o número
privacy-search = Buscar
privacy-found = Encontrado
privacy-found-none = No se encontró a nadie
privacy-found-none-hint = Pruebe una parte del nombre u otro campo.
privacy-more = Hay más registros de los que se muestran: pregunte con más precisión.
privacy-take = Incluir
privacy-record = Registro
privacy-role = Como
privacy-holds-of = Qué contiene
privacy-reason-hint = La carta o el correo de la solicitud. No el nombre.
privacy-export = Entregar como archivo
privacy-ask = Pedir la supresión
privacy-ask-hint = Los casos y documentos de estos registros van con ellos. Otra persona tiene que confirmarlo.
privacy-held = bajo retención legal
privacy-erasures = Supresiones
privacy-erasures-none = Aún no se ha suprimido nada
privacy-erasures-none-hint = Busque arriba a una persona para pedir una supresión.
privacy-records = Registros
privacy-asked-by = Pedido por
privacy-decided-by = Decidido por
privacy-nodes = Nodos listos
privacy-asked = espera a una segunda persona
privacy-refused = rechazada
privacy-broken = los sellos no coinciden
privacy-under-way = en curso aquí
privacy-done = suprimido aquí
privacy-second = otra persona confirma
privacy-confirm = Confirmar
privacy-confirm-hint = Los datos se suprimen en todos los depósitos, en la central y en las copias restauradas. Nadie puede deshacerlo.
privacy-confirm-now = Suprimir para siempre
privacy-refuse = Rechazar
privacy-holds = Retenciones legales
privacy-holds-hint = Un registro retenido no se suprime antes de levantar la retención.
privacy-lift = Levantar
privacy-hold = Retener
privacy-hold-hint = El número de un paquete, o tipo:id como delivery:019a…
privacy-kind-parcel = Paquete
privacy-kind-delivery = Entrega
privacy-kind-order = Pedido
privacy-kind-mawb = Guía máster
privacy-kind-hawb = Guía hija
privacy-kind-driver = Conductor
privacy-kind-route = Ruta
privacy-kind-place = Lugar
privacy-kind-case = Caso
privacy-kind-attachment = Documento
privacy-role-recipient = destinatario
privacy-role-customer = cliente
privacy-role-sender = remitente
privacy-role-driver = conductor
privacy-role-shipper = expedidor
privacy-role-consignee = consignatario
privacy-role-address = dirección
privacy-role-texts = notas
privacy-role-content = contenido
