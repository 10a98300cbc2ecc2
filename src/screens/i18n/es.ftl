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

## routes and fleet
nav-routes = Rutas
nav-live = Mapa en vivo
nav-fleet = Flota
nav-places = Lugares
nav-figures = Cifras de rutas
nav-my-figures = Mis cifras
fleet-vehicle = Vehículo
fleet-vehicles = Vehículos
fleet-driver = Conductor
fleet-drivers = Conductores
fleet-deliveries = Entregas
fleet-number = Número
fleet-customer = Cliente
fleet-priority = Prioridad
fleet-priority-low = baja
fleet-priority-normal = normal
fleet-priority-high = alta
fleet-priority-urgent = urgente
fleet-available = Se puede planificar
fleet-away = Ausente
fleet-new-vehicle = Añadir vehículo
fleet-new-driver = Añadir conductor
fleet-none = Aún no hay vehículos
fleet-none-hint = Sin ninguno, los planes suponen los que hagan falta.
fleet-plate = Matrícula
fleet-kg = Kilos que caben
fleet-pieces = Piezas
fleet-litres = Litros
fleet-from = Circula desde
fleet-to = Hasta
fleet-shift = Turno
fleet-skills = Habilidades
fleet-skills-hint = Separadas por comas, como cooled, tail_lift
fleet-max-stops = Paradas al día como máximo
fleet-max-km = Kilómetros al día como máximo
fleet-user = Entra como
fleet-licence = Permiso de conducir
routes-count = Rutas
routes-none = No hay rutas ese día
routes-none-hint = Planifique el día: elija entregas y vehículos y vea el resultado.
routes-none-own = Cuando reciba una ruta, aparecerá aquí.
route-planned = planificada
route-dispatched = en ruta
route-completed = terminada
route-cancelled = cancelada
route-deleted = borrada
route-day = Día
route-plan = Plan para
route-plan-day = Planificar un día
route-day-anew = Replanificar lo que no ha salido
route-map = Mapa de las rutas
route-strips = Contra el reloj
route-drag-hint = Arrastre una parada a otro vehículo y vea lo que cuesta; nada cambia hasta que lo acepte.
route-stops = Paradas
route-stops-done = Paradas hechas
route-distance = Distancia
route-late = Con retraso
route-hours = Salida y vuelta
route-at-wheel = Al volante
route-source = Tiempos de viaje de
route-rests-on = Se basa en:
route-arrival = Llegada
route-begins = empieza
route-window = Franja
route-done = hecha
route-move = Mover a
route-look = Y si
route-dispatch = Dar al conductor
route-replan = Replanificar
route-cancel = Cancelar la ruta
route-goal = Lo que cuenta
route-goal-both = Distancia y tiempo
route-goal-distance = Distancia
route-goal-time = Tiempo
route-goal-fuel = Combustible
route-seconds = Segundos de búsqueda
route-fewest = Primero, los menos vehículos posibles
route-search = Buscar
route-choose = Elegir
route-no-vehicles = No hay ninguno: se suponen los que hagan falta.
route-no-place = nadie sabe dónde está
route-nothing = Nada que planificar
route-nothing-hint = Toda entrega abierta ya está en una ruta.
route-searching = Buscando
route-waiting = Espera su turno
route-plans-found = Planes encontrados
route-served = Paradas atendidas
route-stop-search = Tomar el mejor hasta ahora
route-cut-short = Terminada antes: el mejor plan hasta entonces.
route-left-out = Quedan fuera
route-score = Puntos de 100
route-failed = No se encontró plan
route-search-cancelled = La búsqueda se canceló
route-to-day = Al día
route-whatif = Y si
route-same = como antes
route-would-end = La primera ruta se queda sin paradas y desaparece.
route-accept = Aceptar
route-leave = Dejar como está
route-after = Cómo quedaría
act-deliver = dejar
act-collect = recoger
act-fetch = buscar
act-drop = dejar
act-reload = recargar
act-pause = pausa
travel-map_server = servidor de mapas
travel-cached = servidor de mapas, en la última hora
travel-own_map = mapa de calles importado
travel-estimated = estimación
lack-skills = habilidades
lack-capacity = capacidad
lack-windows = franjas
lack-shift = turno
lack-route_time = tiempo de ruta
lack-route_distance = distancia
lack-stops = paradas
lack-not_worth = no compensa
accuracy-exact = la puerta misma
accuracy-street = la calle
accuracy-postcode = el código postal
accuracy-city = la ciudad
place-given = vino con ello
place-hand = corregido a mano
place-remembered = una parada anterior
place-file = un archivo importado
places-find = Dónde está
places-by-hand = Corregidos a mano
places-none = Aún no se ha corregido nada
places-none-hint = Busque una dirección arriba; si está mal, diga dónde está.
places-position = Posición
places-put-right = Decir dónde está
places-latitude = Grados norte
places-longitude = Grados este
places-accuracy = Exactitud
live-none = Nadie informa su posición
live-none-hint = Los teléfonos y rastreadores se añaden en /tracking/devices; el teléfono del conductor informa solo.
live-heard = Noticia hace
live-next = Próxima parada
live-eta = Previsión
live-left = Faltan
live-stale = sin noticias
live-moves = a tiempo
figures-none = Ninguna ruta en estos días
figures-none-hint = Elija otros días.
figures-per-day = Paradas hechas por día
figures-on-time = A tiempo
figures-duration = Duración media
figures-efficiency = Eficiencia
figures-cut = Había más rutas de las que se cuentan; elija menos días.
efficiency-means = Eficiencia = 100 × duración real / estimada de las rutas terminadas, desde la entrega al conductor (o la salida planificada, si se entregó antes) hasta la última parada: por debajo de 100 es más rápido que el plan.
route-unknown-places = { $n ->
    [one] De una entrega nadie sabe el lugar.
   *[other] De { $shown } entregas nadie sabe el lugar.
}
live-late = { $n ->
    [one] un minuto de retraso
   *[other] { $shown } minutos de retraso
}

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
